"""GIF: its frames, composited as browsers do, and palettes for those that are written."""
