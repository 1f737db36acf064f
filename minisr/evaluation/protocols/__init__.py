"""Named protocols: what exactly a printed PSNR measures.

`protocol` defines and carries out a protocol's choices; `named` lists the protocols in use.
"""

from minisr.evaluation.protocols.named import DIFFERENCES, PROTOCOLS
from minisr.evaluation.protocols.protocol import Protocol

__all__ = ["DIFFERENCES", "PROTOCOLS", "Protocol"]
