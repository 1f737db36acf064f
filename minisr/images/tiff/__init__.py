"""TIFF: the layout of samples, reading and writing by rows, and metadata."""
