"""Networks: each a list of layers, its first weights, and its options."""

from minisr.models.espcn import ESPCN
from minisr.models.files import MODELS, build, from_pretrained, load, pretrained_names, save

__all__ = ["ESPCN", "MODELS", "build", "from_pretrained", "load", "pretrained_names", "save"]
