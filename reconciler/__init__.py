"""Just-in-time access, run from git."""

__version__ = "0.1.0"
