"""Read and write picture files, convert colour, and resize the way MATLAB does."""

from minisr.images.colour import luma, rgb_to_ycbcr, ycbcr_to_rgb
from minisr.images.depth import to_8_bits
from minisr.images.files import find_pictures
from minisr.images.picture import Picture, Text
from minisr.images.reading import read_picture
from minisr.images.resize import imresize
from minisr.images.writing import encode_picture, write_picture

__all__ = [
    "Picture",
    "Text",
    "encode_picture",
    "find_pictures",
    "imresize",
    "luma",
    "read_picture",
    "rgb_to_ycbcr",
    "to_8_bits",
    "write_picture",
    "ycbcr_to_rgb",
]
