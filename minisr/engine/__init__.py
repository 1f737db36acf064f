"""How a network is run and trained fast: the compiled twin of `minisr.layers`.

Layers and networks say *what* is computed, one layer after another; that is the lesson, and it runs
as it stands. This room decides *how*: which part of a network a backend runs as one (`stacks`), in
which bands of rows (`bands`), with which samples side by side (`learning`), and on which device
(`devices`).

>>> from minisr import ESPCN, engine
>>> fast = engine.compile(ESPCN.from_pretrained(3))
>>> fast.network
ESPCN(x3, 1-64-32, tanh): 22,729 parameters
...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minisr.engine.compiled import CompiledNetwork, LayerByLayer
from minisr.errors import SettingsError

if TYPE_CHECKING:
    from minisr.models.network import Network

ENGINES: dict[str, Any] = {"compiled": CompiledNetwork, "layers": LayerByLayer}
DEFAULT = "compiled"

__all__ = ["DEFAULT", "ENGINES", "CompiledNetwork", "LayerByLayer", "compile"]


def compile(network: Network, engine: str = DEFAULT) -> CompiledNetwork | LayerByLayer:
    """Return what runs a network: the one place where an engine is chosen.

    Parameters
    ----------
    network : Network
        It is not copied: what it learns later, the result sees.
    engine : {"compiled", "layers"}, optional
        "layers" runs the layers as they are written, one after another. So does "compiled" where
        the network is on the backend "reference".

    Returns
    -------
    CompiledNetwork or LayerByLayer

    Raises
    ------
    SettingsError
        If there is no such engine.
    """
    if engine not in ENGINES:
        raise SettingsError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    return ENGINES[engine](network)
