"""Files of weights: our own, and other people's (`formats`). The bundled ones are in pretrained/."""

from minisr.weights.convert import convert
from minisr.weights.files import describe, load, load_with_origin, save
from minisr.weights.start import Start, read_start

__all__ = ["Start", "convert", "describe", "load", "load_with_origin", "read_start", "save"]
