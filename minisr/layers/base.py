"""What all layers share, and layers one after the other.

``out, cache = layer.forward(x)`` and ``dx = layer.backward(dout, cache)``. The cache is handed to
the caller, never kept on the layer: inference drops it, and two threads may share a layer. A
layer checks shapes, allocates, and calls one kernel; the arithmetic is in ``minisr.kernels``.

Arrays are (N, C, H, W). ``backward`` adds to every parameter's ``grad`` and returns ``dx`` afresh.
"""

from minisr.errors import CheckpointError


class Parameter:
    """Numbers that are learnt, and the gradient of the loss with respect to them.

    Parameters
    ----------
    value : ndarray
        The numbers themselves; optimizers change them in place.
    grad : ndarray, same shape and dtype
        ``backward`` adds to it; whoever trains sets it to zero.
    """

    def __init__(self, value, grad):
        self.value = value
        self.grad = grad


class Layer:
    """What all layers share; a layer of one's own defines ``forward`` and ``backward``.

    Attributes
    ----------
    training : bool
        Whether a layer that trains otherwise than it is used, as batch normalisation does, is to
        train. False at first: whoever only calls a network must not change it.
    buffer_names : tuple of str
        Attributes that are arrays, not learnt but kept in files.
    """

    training = False
    buffer_names = ()

    def forward(self, x):
        """Return ``(out, cache)``; the cache is whatever ``backward`` will want."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dout, cache):
        """Return ``dx``, given the gradient of the loss with respect to ``out``."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def __call__(self, x):
        """Return ``out`` alone."""
        return self.forward(x)[0]

    def named_parameters(self):
        """Yield ``(name, Parameter)``, names as in PyTorch."""
        for name, attribute in vars(self).items():
            if isinstance(attribute, Parameter):
                yield name, attribute

    def named_arrays(self):
        """Yield ``(name, ndarray)`` for all that a file keeps: parameters' values, then buffers."""
        for name, parameter in self.named_parameters():
            yield name, parameter.value
        for name in self.buffer_names:
            yield name, getattr(self, name)

    def leaves(self):
        """Yield the layers that consist of no others, in order, each once."""
        yield self

    def train(self, mode=True):
        """Make this layer, and all inside, train (or not), and return it: PyTorch's method."""
        self.training = mode
        return self

    def eval(self):
        """Make this layer, and all inside, what it is in use, and return it."""
        return self.train(False)

    @property
    def uses_batch_statistics(self):
        """Whether a sample's result depends on the others in its batch."""
        return False

    @property
    def parameters(self):
        """The parameters alone, in a list."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def parameter_count(self):
        """How many numbers are learnt."""
        return sum(parameter.value.size for parameter in self.parameters)

    def zero_grad(self):
        """Set every gradient to zero."""
        for layer in self.leaves():
            for parameter in layer.parameters:
                layer.kernels.fill_zero(parameter.grad)

    def state_dict(self):
        """Return a copy of all values as ``{name: ndarray}``, PyTorch's names and shapes."""
        return {name: array.copy() for name, array in self.named_arrays()}

    def load_state_dict(self, state):
        """Copy values in, all or none.

        Parameters
        ----------
        state : dict of str to ndarray
            What ``state_dict`` returns; arrays are converted to the dtype of the layer.

        Raises
        ------
        CheckpointError
            If a name is missing or unknown, or a shape differs. Nothing is changed then.
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

    def __str__(self):
        return type(self).__name__

    def __repr__(self):
        return str(self)


class Sequential(Layer):
    """Layers one after the other; itself a layer, so that it nests.

    Parameters
    ----------
    layers : dict of str to Layer
        In order. The names make those of the parameters: ``conv1.weight``. A layer that is there
        twice is one layer: its first name counts, and its gradients add up.
    """

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        """Run all layers; the cache is the list of theirs."""
        caches = []
        for layer in self.layers.values():
            x, cache = layer.forward(x)
            caches.append(cache)
        return x, caches

    def backward(self, dout, caches):
        """Run all layers backwards: the chain rule."""
        for layer, cache in zip(reversed(self.layers.values()), reversed(caches), strict=True):
            dout = layer.backward(dout, cache)
        return dout

    def __call__(self, x):
        """Run all layers; each cache is dropped before the next layer allocates."""
        for layer in self.layers.values():
            x = layer(x)
        return x

    def distinct_layers(self):
        """Yield ``(name, layer)``, each layer once, under its first name."""
        met = set()
        for name, layer in self.layers.items():
            if id(layer) not in met:
                met.add(id(layer))
                yield name, layer

    def named_parameters(self):
        """Yield ``(name, Parameter)``, a layer's name before its parameters'."""
        for layer_name, layer in self.distinct_layers():
            for name, parameter in layer.named_parameters():
                yield f"{layer_name}.{name}", parameter

    def named_arrays(self):
        """Yield ``(name, ndarray)``, a layer's name before its arrays'."""
        for layer_name, layer in self.distinct_layers():
            for name, array in layer.named_arrays():
                yield f"{layer_name}.{name}", array

    def leaves(self):
        """Yield the layers that consist of no others, in order, each once."""
        for _, layer in self.distinct_layers():
            yield from layer.leaves()

    def train(self, mode=True):
        """Make all layers train, or not."""
        for layer in self.layers.values():
            layer.train(mode)
        return super().train(mode)

    @property
    def uses_batch_statistics(self):
        """Whether any layer does."""
        return any(layer.uses_batch_statistics for layer in self.layers.values())

    def __repr__(self):
        rows = [f"{self!s}: {self.parameter_count:,} parameters"]
        for name, layer in self.layers.items():
            shapes = ", ".join(f"{n} {p.value.shape}" for n, p in layer.named_parameters())
            if isinstance(layer, Sequential):
                shapes = f"{layer.parameter_count:,} parameters"
            rows.append(f"  {name:<14} {layer!s:<22} {shapes}".rstrip())
        return "\n".join(rows)
