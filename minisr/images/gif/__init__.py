"""GIF: frames composited the way browsers do, and writing with a palette for each frame."""
