"""PNG: its chunks, what they say, and samples of 16 bits."""
