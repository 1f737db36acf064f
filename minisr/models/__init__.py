"""Networks: each a list of layers, its first weights, and its options."""

from minisr.models.espcn import ESPCN
from minisr.models.files import MODELS, build, from_pretrained, load, pretrained_names, save
from minisr.models.network import Network
from minisr.models.subpixelcnn import SubPixelCNN

__all__ = [
    "ESPCN",
    "MODELS",
    "Network",
    "SubPixelCNN",
    "build",
    "from_pretrained",
    "load",
    "pretrained_names",
    "save",
]
