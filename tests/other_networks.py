"""ESPCN as others have written it, from the table of their names and shapes, in PyTorch."""

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch, which minisr itself never imports")
nn = torch.nn


class Yjn870(nn.Module):
    def __init__(self, scale, colours=1):
        super().__init__()
        self.first_part = nn.Sequential(
            nn.Conv2d(colours, 64, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.Tanh(),
        )
        self.last_part = nn.Sequential(
            nn.Conv2d(32, colours * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, x):
        return self.last_part(self.first_part(x))


class Lornatang(nn.Module):
    def __init__(self, scale, colours=1):
        super().__init__()
        self.feature_maps = nn.Sequential(
            nn.Conv2d(colours, 64, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.Tanh(),
        )
        self.sub_pixel = nn.Sequential(
            nn.Conv2d(32, colours * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, x):
        # The original clamps here; minisr does it where pictures become whole numbers.
        return self.sub_pixel(self.feature_maps(x))


class Leftthomas(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(64, 32, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(32, scale**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(scale)

    def forward(self, x):
        x = torch.tanh(self.conv2(torch.tanh(self.conv1(x))))
        return torch.sigmoid(self.pixel_shuffle(self.conv3(x)))


class FourConvolutions(nn.Module):
    """PyTorch's example and tutorial, the SubPixelCNN trainer, kornia's SmallSRNet."""

    def __init__(self, scale):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 64, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(64, 64, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(64, 32, (3, 3), (1, 1), (1, 1))
        self.conv4 = nn.Conv2d(32, scale**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(scale)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.relu(self.conv3(x))
        return self.pixel_shuffle(self.conv4(x))


class TFESPCN(nn.Module):
    """TensorFlow's network in PyTorch, for its outputs; its files are GraphDefs."""

    def __init__(self, scale):
        super().__init__()
        self.f1 = nn.Conv2d(1, 64, 5, padding=2)
        self.f2 = nn.Conv2d(64, 32, 3, padding=1)
        self.f3 = nn.Conv2d(32, scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x):
        x = torch.relu(self.f2(torch.relu(self.f1(x))))
        return torch.tanh(self.shuffle(self.f3(x)))


# Each family's network, and the settings that minisr must find.
FAMILIES = {
    "yjn870": (Yjn870, ("espcn", "tanh", None, "studio")),
    "Lornatang": (Lornatang, ("espcn", "tanh", None, "studio")),
    "leftthomas": (Leftthomas, ("espcn", "tanh", "sigmoid", "full")),
    "pytorch/examples": (FourConvolutions, ("subpixelcnn", "relu", None, "full")),
    "TF-ESPCN": (TFESPCN, ("espcn", "relu", "tanh", "full")),
}


def seeded(make, *arguments, **options):
    """Make a network whose values are about one throughout, so that activations matter."""
    torch.manual_seed(7)
    network = make(*arguments, **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.ndim == 4 else 16
            parameter.copy_(torch.randn(parameter.shape) / fan_in**0.5)
    return network


def outputs(network, low):
    with torch.no_grad():
        return network(torch.from_numpy(low)).numpy()


def saved(value, **options):
    """Return the bytes of ``torch.save``."""
    target = io.BytesIO()
    torch.save(value, target, **options)
    return target.getvalue()


def small_pictures(rng, colours=1):
    """Return two batches of different, odd sizes."""
    return [rng.random((n, colours, *s)).astype(np.float32) for n, s in ((1, (9, 14)), (2, (7, 5)))]
