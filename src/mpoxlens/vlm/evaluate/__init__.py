"""Judging the language-vision model: every figure is a function of tables, and one module alone runs the model."""
