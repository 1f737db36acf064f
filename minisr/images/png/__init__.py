"""PNG: chunks, metadata, 16-bit samples, animation frames, and writing by rows."""
