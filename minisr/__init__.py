"""ESPCN super-resolution written by hand: kernels, gradients, optimizer and trainer."""

from minisr.convert import convert
from minisr.errors import MinisrError
from minisr.images import imresize
from minisr.metrics import psnr, ssim
from minisr.models import ESPCN, from_pretrained, load, pretrained_names
from minisr.upscale import upscale
from minisr.upscale_video import upscale_video
from minisr.version import __version__

__all__ = [
    "ESPCN",
    "MinisrError",
    "__version__",
    "convert",
    "from_pretrained",
    "imresize",
    "load",
    "pretrained_names",
    "psnr",
    "ssim",
    "upscale",
    "upscale_video",
]
