"""One HTML file that tells how good a model is, for a training run and for photographs of others alike."""
