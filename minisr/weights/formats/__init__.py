"""Other people's weight files: read without executing anything in them, and written.

There is one module per container: `npz`, `torch_zip`, `torch_legacy`, `tensorflow`, `onnx`
(safetensors is in `minisr.system.tensor_files`). `reading` finds out the container from the first
bytes of a file, whatever its name. `recognition` finds out whose network a table of tensors is,
among the `families`. No file is trusted: none can run code, and all that is read is limited in
size.
"""

from minisr.weights.formats.families import FAMILIES, OPTIONS, Family
from minisr.weights.formats.reading import read
from minisr.weights.formats.recognition import Recognised, recognise

__all__ = ["FAMILIES", "LAYOUTS", "OPTIONS", "Family", "Recognised", "read", "recognise"]

LAYOUTS = ("nchw", "nhwc")  # of the input in an ONNX file, see `onnx`
