"""The same model, smaller and on every runtime, proven equal. Part of the workshop."""
