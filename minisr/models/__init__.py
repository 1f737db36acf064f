"""Networks: each a list of layers, its first weights, and its options."""

from minisr.models.edsr import EDSR
from minisr.models.espcn import ESPCN
from minisr.models.files import (
    DEFAULT,
    MODELS,
    build,
    describe,
    from_pretrained,
    load,
    load_with_origin,
    pretrained_names,
    save,
)
from minisr.models.network import Network
from minisr.models.srcnn import SRCNN
from minisr.models.start import Start, read_start
from minisr.models.subpixelcnn import SubPixelCNN
from minisr.models.thinsr import ThinSR

__all__ = [
    "DEFAULT",
    "EDSR",
    "ESPCN",
    "MODELS",
    "SRCNN",
    "Network",
    "Start",
    "SubPixelCNN",
    "ThinSR",
    "build",
    "describe",
    "from_pretrained",
    "load",
    "load_with_origin",
    "pretrained_names",
    "read_start",
    "save",
]
