"""The clinic: a photograph and some answers in, a decision with its reasons out."""
