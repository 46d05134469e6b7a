"""mpoxlens."""

__version__ = "0.1.0"
