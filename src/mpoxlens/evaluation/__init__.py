"""How good a model is, told with intervals, and the numbers that a decision rests on. Part of the workshop."""
