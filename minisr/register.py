"""Register parts of your own, which are then used by name like minisr's.

=============  =====================================================================================
part           what it is
=============  =====================================================================================
`network`      a class derived from `minisr.models.Network`
`loss`         a function like `minisr.kernels.reference.mse_loss`
`optimizer`    a class derived from `minisr.optim.Optimizer`
`schedule`     a function of the training settings and the steps per epoch, which returns a function
               from the number of steps taken to a factor on the learning rate
`backend`      a module with the functions that `minisr.kernels` lists; what it does not define can
               come from ``from minisr.kernels.reference import *``
=============  =====================================================================================

A layer needs no registration: derive it from `minisr.layers.Layer` and use it in a network. On the
command line, ``--import MODULE`` imports the module that registers, before anything else is done;
``minisr train -m MODULE:CLASS`` imports it and registers the network. ``examples/extending/`` has
one of each kind.

A name that minisr itself uses cannot be taken. One of your own may be registered again, as when a
notebook's cell runs twice: the last one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.kernels import BACKENDS
from minisr.kernels.losses import LOSSES
from minisr.models import MODELS, Network
from minisr.optim import OPTIMIZERS
from minisr.training.schedules import SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

_TABLES = (BACKENDS, LOSSES, MODELS, OPTIMIZERS, SCHEDULES)
_TAKEN = {id(table): frozenset(table) for table in _TABLES}  # minisr's own names


def network(cls: type[Any]) -> type[Any]:
    """Register a network under its ``name``.

    Parameters
    ----------
    cls : type
        Derived from `Network`. It has a ``name``, takes ``upscale_factor``, ``in_channels`` and
        ``**common``, calls ``configure`` first and ``initialize`` last, and keeps each option under
        the option's name.

    Returns
    -------
    type
        ``cls``, so that this can be a decorator.

    Raises
    ------
    SettingsError
        If it is no such class, or its name is taken.

    Examples
    --------
    >>> from minisr import ESPCN, register
    >>> @register.network
    ... class Relu(ESPCN):
    ...     name = "espcn-relu"
    >>> from minisr.models import build
    >>> build("espcn-relu", {"upscale_factor": 2}).name
    'espcn-relu'
    """
    if not (isinstance(cls, type) and issubclass(cls, Network)):
        raise SettingsError(
            f"a network must be a class derived from minisr.models.Network, got {cls!r}"
        )
    if not isinstance(getattr(cls, "name", None), str):
        raise SettingsError(f'{cls.__name__} must have a name: name = "..." in its class')
    return _add(MODELS, "network", cls.name, cls)


def loss(name: str, function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Register a loss.

    Parameters
    ----------
    name : str
    function : callable
        ``function(prediction, target, count, dprediction)`` writes the gradient into
        ``dprediction`` and returns the loss, a float: a sum divided by ``count``. Without it, a
        decorator is returned.

    Returns
    -------
    callable
        ``function``.

    Raises
    ------
    SettingsError
        If the name is taken.
    """
    return _add_or_decorate(LOSSES, "loss", name, function)


def optimizer(name: str, cls: type[Any] | None = None) -> type[Any]:
    """Register an optimizer.

    Parameters
    ----------
    name : str
    cls : type
        Derived from `minisr.optim.Optimizer`, or with all that it has. Without it, a decorator is
        returned.

    Returns
    -------
    type
        ``cls``.

    Raises
    ------
    SettingsError
        If the name is taken.
    """
    return _add_or_decorate(OPTIMIZERS, "optimizer", name, cls)


def schedule(name: str, make: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Register a learning-rate schedule.

    Parameters
    ----------
    name : str
    make : callable
        ``make(config, steps_per_epoch)``, with a `minisr.training.TrainConfig`, returns the
        schedule. Without it, a decorator is returned.

    Returns
    -------
    callable
        ``make``.

    Raises
    ------
    SettingsError
        If the name is taken.
    """
    return _add_or_decorate(SCHEDULES, "schedule", name, make)


def backend(name: str, module: ModuleType | str) -> ModuleType | str:
    """Register a backend, which is then a device, too.

    Parameters
    ----------
    name : str
    module : module or str
        The module, or its name, which is imported when the backend is first used.

    Returns
    -------
    module or str
        ``module``.

    Raises
    ------
    SettingsError
        If the name is taken.
    """
    return _add(BACKENDS, "backend", name, module)


def _add_or_decorate(table, kind, name, part):
    if part is not None:
        return _add(table, kind, name, part)
    return lambda part: _add(table, kind, name, part)


def _add(table, kind, name, part):
    if not isinstance(name, str) or not name or not name.isprintable() or set(name) & set(" /:"):
        raise SettingsError(f"the name of a {kind} must be a word, got {name!r}")
    if name in _TAKEN[id(table)]:
        raise SettingsError(f"minisr has a {kind} named {name} already: choose another name")
    table[name] = part
    return part
