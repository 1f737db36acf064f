"""Who else has written ESPCN, what they call its weights, and what their files do not say."""

from dataclasses import dataclass

# What a network's shape does not tell, and what each may be; "none" is what the user calls None.
OPTIONS = {
    "activation": ("tanh", "relu"),
    "output_activation": ("none", "tanh", "sigmoid"),
    "luma_range": ("studio", "full"),
}


@dataclass(frozen=True)
class Family:
    """Networks of one author, or of several who wrote the same.

    Attributes
    ----------
    name : str
    network : {"espcn", "subpixelcnn"}
    keys : tuple of str
        What each convolution is called.
    activation : {"tanh", "relu"}
    output_activation : {None, "tanh", "sigmoid"}
    luma_range : {"studio", "full"}
    degradation : str
        How its low-resolution pictures were made.
    channels : tuple of int or None
        Filters of all convolutions but the last; None if they vary.
    containers : tuple of str or None
        Where its files come in, for names that others use, too; None if it does not matter.
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
        "bicubic as MATLAB's",
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
        "torchvision's Resize, bilinear unless told otherwise",
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
