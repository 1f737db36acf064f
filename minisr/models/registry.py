"""Networks by name: the one place that lists them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.models import bundled
from minisr.models.edsr import EDSR
from minisr.models.espcn import ESPCN
from minisr.models.network import BLANK
from minisr.models.srcnn import SRCNN
from minisr.models.subpixelcnn import SubPixelCNN
from minisr.models.thinsr import ThinSR

if TYPE_CHECKING:
    from typing import Any

    from minisr.models.network import Network

MODELS = {network.name: network for network in (ESPCN, SubPixelCNN, EDSR, SRCNN, ThinSR)}


def build(name: str, settings: dict[Any, Any], **options: Any) -> Network:
    """Make an untrained network.

    Parameters
    ----------
    name : str
        A key of ``MODELS``.
    settings : dict
        A network's ``settings``.
    **options
        ``backend``, ``dtype``, ``rng``.

    Returns
    -------
    Network

    Raises
    ------
    SettingsError
        If the name or a setting is unknown.
    """
    if name not in MODELS:
        raise SettingsError(
            f"model must be one of {', '.join(MODELS)}, got {name!r}; if it is a network of yours, "
            "import the module that registers it (--import MODULE)"
        )
    known = MODELS[name].option_names()
    unknown = {*settings} - {*known}
    if unknown:
        raise SettingsError(
            f"{name} has no option {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    try:
        return MODELS[name](**settings, **options)
    except SettingsError:
        raise
    except (TypeError, ValueError, OverflowError) as error:  # of arrays too large for NumPy, too
        raise SettingsError(f"{name} cannot be made with {settings}: {error}") from error


def from_pretrained(name: str, upscale_factor: int, backend: str = "cpu") -> Network:
    """Make a network with bundled weights.

    Parameters
    ----------
    name : str
        As `pretrained_names` lists them.
    upscale_factor : int
    backend : str, optional
        See `minisr.kernels.load`.

    Returns
    -------
    Network

    Raises
    ------
    SettingsError
        If minisr has no such weights.
    """
    model_name, settings, state = bundled.read(name, upscale_factor)
    model = build(model_name, settings, backend=backend, rng=BLANK)
    model.load_state_dict(state)
    return model
