"""Named protocols: what exactly is measured when somebody prints a PSNR.

`protocol` says what a protocol's choices are and carries them out; `named` lists those in use.
"""

from minisr.evaluation.protocols.named import DIFFERENCES, PROTOCOLS
from minisr.evaluation.protocols.protocol import Protocol

__all__ = ["DIFFERENCES", "PROTOCOLS", "Protocol"]
