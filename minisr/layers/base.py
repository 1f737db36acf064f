"""What all layers share, and `Sequential`: layers one after another.

``out, cache = layer.forward(x)`` and ``dx = layer.backward(dout, cache)``. The cache goes to the
caller and is never kept on the layer: inference drops it, and two threads may share a layer. A
layer checks shapes, allocates, and calls one kernel; the arithmetic is in ``minisr.kernels``.

Arrays are (N, C, H, W). ``backward`` adds to every parameter's ``grad`` and returns a new ``dx``.
"""

import numpy as np

from minisr.errors import CheckpointError, ShapeError
from minisr.kernels import reference
from minisr.types import Array, Cache, Leaves, Named, State


class Parameter:
    """Numbers that are learnt, with the gradient of the loss with respect to them.

    Parameters
    ----------
    value : ndarray
        The numbers themselves; optimizers change them in place.
    grad : ndarray, same shape and dtype
        ``backward`` adds to it; the training loop sets it to zero.
    """

    def __init__(self, value: Array, grad: Array) -> None:
        self.value = value
        self.grad = grad


class Layer:
    """The base of all layers; a subclass defines ``forward`` and ``backward``.

    Attributes
    ----------
    kernels : module
        The backend that computes, see `minisr.kernels.load`; NumPy's unless a layer takes another.
    training : bool
        Whether layers that behave differently in training, such as batch normalisation, do so now.
        False at first: calling a network must not change it.
    uses_batch_statistics : bool
        Whether a sample's result depends on the others in its batch.
    buffer_names : tuple of str
        Names of attributes that are arrays: not learnt, but saved in files.
    """

    kernels = reference
    training = False
    uses_batch_statistics = False
    buffer_names: tuple = ()

    def forward(self, x: Array) -> tuple[Array, Cache]:
        """Return ``(out, cache)``; the cache is whatever ``backward`` will need."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dout: Array, cache: Cache) -> Array:
        """Return ``dx``, given the gradient of the loss with respect to ``out``."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def __call__(self, x: Array) -> Array:
        """Return ``out`` alone."""
        return self.forward(x)[0]

    def check_floats(self, x: object) -> None:
        """Raise ShapeError unless ``x`` is an array of float32 or float64."""
        if getattr(x, "dtype", None) not in (np.float32, np.float64):
            got = getattr(x, "dtype", type(x).__name__)
            raise ShapeError(f"{self!s} expects an array of float32 or float64, got {got}")

    def check_gradient(self, dout: object, shape: tuple, dtype: object) -> None:
        """Raise ShapeError unless ``dout`` has the shape and dtype that ``forward`` returned."""
        got = getattr(dout, "shape", None), getattr(dout, "dtype", None)
        if got != (shape, dtype):
            raise ShapeError(
                f"{self!s} expects dout of shape {shape} and dtype {dtype}, like what forward "
                f"returned, got {got[0]} and {got[1]}"
            )

    def named_parameters(self) -> Named:
        """Yield ``(name, Parameter)``, with PyTorch's names."""
        for name, attribute in vars(self).items():
            if isinstance(attribute, Parameter):
                yield name, attribute

    def named_arrays(self) -> Named:
        """Yield ``(name, ndarray)`` for all that a file holds: parameters' values, then buffers."""
        for name, parameter in self.named_parameters():
            yield name, parameter.value
        for name in self.buffer_names:
            yield name, getattr(self, name)

    def leaves(self) -> Leaves:
        """Yield the layers that contain no others, in order, each once."""
        yield self

    def train(self, mode: bool = True) -> object:
        """Switch this layer, and all inside it, to training (or back), and return it."""
        self.training = mode
        return self

    def eval(self) -> object:
        """Switch this layer, and all inside it, to inference, and return it."""
        return self.train(False)

    @property
    def parameters(self) -> list[Parameter]:
        """A list of the parameters, without their names."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def parameter_count(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.value.size for parameter in self.parameters)

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for layer in self.leaves():
            for parameter in layer.parameters:
                layer.kernels.fill_zero(parameter.grad)

    def state_dict(self) -> State:
        """Return a copy of all values as ``{name: ndarray}``, with PyTorch's names and shapes."""
        return {name: array.copy() for name, array in self.named_arrays()}

    def load_state_dict(self, state: State) -> None:
        """Copy values in: all of them, or none.

        Parameters
        ----------
        state : dict of str to ndarray
            As ``state_dict`` returns it; arrays are converted to the layer's dtype.

        Raises
        ------
        CheckpointError
            If a name is missing or unknown, or a shape differs. Nothing is changed in that case.
        """
        own = dict(self.named_arrays())
        faults = [f"{name} is missing" for name in own if name not in state]
        faults += [f"{name} is not in this network" for name in state if name not in own]
        faults += [
            f"{name} has shape {tuple(state[name].shape)}, expected {array.shape}"
            for name, array in own.items()
            if name in state and tuple(state[name].shape) != array.shape
        ]
        if faults:
            raise CheckpointError(f"these weights are not for {self!s}: {'; '.join(faults)}")
        for name, array in own.items():
            array[...] = state[name]

    def __str__(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return str(self)


class Sequential(Layer):
    """Layers one after another; itself a layer, so it nests.

    Parameters
    ----------
    layers : dict of str to Layer
        In order. Their names prefix those of the parameters: ``conv1.weight``. A layer that occurs
        twice is one layer: its first name counts, and its gradients add up.
    """

    def __init__(self, layers: dict) -> None:
        self.layers = layers

    def forward(self, x: Array) -> tuple[Array, Cache]:
        """Run all layers; the cache is the list of their caches."""
        caches = []
        for layer in self.layers.values():
            x, cache = layer.forward(x)
            caches.append(cache)
        return x, caches

    def backward(self, dout: Array, caches: Cache) -> Array:
        """Run all layers backwards: the chain rule."""
        if len(caches) != len(self.layers):
            raise ShapeError(
                f"{self!s} expects the {len(self.layers)} caches of its forward, got {len(caches)}"
            )
        for layer, cache in zip(reversed(self.layers.values()), reversed(caches), strict=True):
            dout = layer.backward(dout, cache)
        return dout

    def __call__(self, x: Array) -> Array:
        """Run all layers, dropping each cache before the next layer allocates."""
        for layer in self.layers.values():
            x = layer(x)
        return x

    def distinct_layers(self) -> Named:
        """Yield ``(name, layer)``, each layer once, under its first name."""
        met = set()
        for name, layer in self.layers.items():
            if id(layer) not in met:
                met.add(id(layer))
                yield name, layer

    def named_parameters(self) -> Named:
        """Yield ``(name, Parameter)``, each name prefixed with its layer's."""
        for layer_name, layer in self.distinct_layers():
            for name, parameter in layer.named_parameters():
                yield f"{layer_name}.{name}", parameter

    def named_arrays(self) -> Named:
        """Yield ``(name, ndarray)``, each name prefixed with its layer's."""
        for layer_name, layer in self.distinct_layers():
            for name, array in layer.named_arrays():
                yield f"{layer_name}.{name}", array

    def leaves(self) -> Leaves:
        """Yield the layers that contain no others, in order, each once."""
        for _, layer in self.distinct_layers():
            yield from layer.leaves()

    def train(self, mode: bool = True) -> object:
        """Switch all layers to training, or back."""
        for layer in self.layers.values():
            layer.train(mode)
        return super().train(mode)

    def __repr__(self) -> str:
        rows = [f"{self!s}: {self.parameter_count:,} parameters"]
        for name, layer in self.layers.items():
            shapes = ", ".join(f"{n} {p.value.shape}" for n, p in layer.named_parameters())
            if isinstance(layer, Sequential):
                shapes = f"{layer.parameter_count:,} parameters"
            rows.append(f"  {name:<14} {layer!s:<22} {shapes}".rstrip())
        return "\n".join(rows)
