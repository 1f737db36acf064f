"""Networks: each a list of layers, its options and its first weights. Read `espcn` first."""

from minisr.models.bundled import DEFAULT, pretrained_names
from minisr.models.edsr import EDSR
from minisr.models.espcn import ESPCN
from minisr.models.network import Network
from minisr.models.registry import MODELS, build, from_pretrained
from minisr.models.srcnn import SRCNN
from minisr.models.subpixelcnn import SubPixelCNN
from minisr.models.thinsr import ThinSR

__all__ = [
    "DEFAULT",
    "EDSR",
    "ESPCN",
    "MODELS",
    "SRCNN",
    "Network",
    "SubPixelCNN",
    "ThinSR",
    "build",
    "from_pretrained",
    "pretrained_names",
]
