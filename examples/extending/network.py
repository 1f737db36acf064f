"""A network of your own, registered, so that everything knows it by its name.

minisr train PICTURES -o RUN -s 2 -m examples/extending/network.py:Tiny --set channels=8
minisr upscale PICTURES -m RUN/model.safetensors --import examples/extending/network.py
"""

from minisr import register
from minisr.layers import Conv2d, PixelShuffle, PReLU
from minisr.models import Network


@register.network
class Tiny(Network):
    name = "tiny"

    def __init__(self, upscale_factor, *, in_channels=1, channels=12, **common):
        kernels, dtype, rng = self.configure(upscale_factor, in_channels, **common)
        self.channels = channels
        last = in_channels * upscale_factor**2
        super().__init__(
            {
                "conv1": Conv2d(in_channels, channels, 3, kernels, dtype),
                "prelu": PReLU(channels, kernels, dtype),
                "conv2": Conv2d(channels, last, 3, kernels, dtype),
                "pixel_shuffle": PixelShuffle(upscale_factor, kernels),
            }
        )
        self.initialize(rng)


if __name__ == "__main__":
    print(repr(Tiny(2)))
