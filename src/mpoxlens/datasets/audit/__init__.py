"""How much of a label can be read without the disease."""
