"""The language-vision model that reads photograph and history, and the simulated histories it learns from."""
