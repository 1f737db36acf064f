"""Weight files: our own, other people's (`formats`), and the bundled ones (``pretrained/``)."""

from minisr.weights.convert import convert
from minisr.weights.files import describe, load, load_with_origin, save
from minisr.weights.start import Start, read_start

__all__ = ["Start", "convert", "describe", "load", "load_with_origin", "read_start", "save"]
