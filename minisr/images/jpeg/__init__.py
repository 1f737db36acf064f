"""JPEG: metadata segments, the quality a file was saved at, and writing by strips."""
