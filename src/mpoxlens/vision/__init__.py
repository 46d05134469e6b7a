"""The networks that look at the photograph, and their training. Part of the workshop."""
