"""The version, alone, so that every module may have it."""

__version__ = "0.1.0"
