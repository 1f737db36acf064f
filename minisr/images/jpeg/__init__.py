"""JPEG: its segments, and the quality that it was saved at."""
