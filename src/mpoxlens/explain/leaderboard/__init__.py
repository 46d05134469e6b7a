"""Which map is true enough to be shown: measured, ranked and told."""
