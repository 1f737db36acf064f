"""TIFF: how samples lie in it, rows out of it, and a writer of rows."""
