"""Other authors' ESPCNs: the names of their tensors, and what their files leave unsaid."""

from dataclasses import dataclass

# Settings that shapes do not reveal, and their values. "none" is how the user spells None.
OPTIONS = {
    "activation": ("tanh", "relu"),
    "output_activation": ("none", "tanh", "sigmoid"),
    "luma_range": ("studio", "full"),
}


@dataclass(frozen=True)
class Family:
    """Networks by one author, or by several authors who used the same names and settings.

    Attributes
    ----------
    name : str
    network : {"espcn", "subpixelcnn"}
    keys : tuple of str
        Name of each convolution.
    activation : {"tanh", "relu"}
    output_activation : {None, "tanh", "sigmoid"}
    luma_range : {"studio", "full"}
    degradation : str
        How its low-resolution training pictures were made.
    channels : tuple of int or None
        Filters of each convolution except the last; None if they vary.
    containers : tuple of str or None
        Containers of its files, if other families use the same names; None if any will do.
    """

    name: str
    network: str
    keys: tuple
    activation: str
    output_activation: str | None
    luma_range: str
    degradation: str
    channels: tuple | None = None
    containers: tuple | None = None


FAMILIES = (
    Family(
        "yjn870",
        "espcn",
        ("first_part.0", "first_part.2", "last_part.0"),
        "tanh",
        None,
        "studio",
        "Pillow's bicubic; luma with 64.738 for red, where BT.601 has 65.738",
    ),
    Family(
        "Lornatang",
        "espcn",
        ("feature_maps.0", "feature_maps.2", "sub_pixel.0"),
        "tanh",
        None,
        "studio",
        "MATLAB's bicubic",
    ),
    Family(
        "leftthomas",
        "espcn",
        ("conv1", "conv2", "conv3"),
        "tanh",
        "sigmoid",
        "full",
        "Pillow's bicubic",
        channels=(64, 32),
        containers=("torch",),
    ),
    Family(
        "pytorch/examples",
        "subpixelcnn",
        ("conv1", "conv2", "conv3", "conv4"),
        "relu",
        None,
        "full",
        "torchvision's Resize, bilinear by default",
        channels=(64, 64, 32),
    ),
    Family(
        "TF-ESPCN",
        "espcn",
        ("f1", "f2", "f3"),
        "relu",
        "tanh",
        "full",
        "OpenCV's bicubic, which does not antialias",
        containers=("tensorflow",),
    ),
)
