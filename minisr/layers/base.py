"""What all layers share, and layers one after the other.

``out, cache = layer.forward(x)`` and ``dx = layer.backward(dout, cache)``. The cache is handed to
the caller, never kept on the layer: inference drops it, and two threads may share a layer. A
layer checks shapes, allocates, and calls one kernel; the arithmetic is in ``minisr.kernels``.

Arrays are (N, C, H, W). ``backward`` adds to every parameter's ``grad`` and returns ``dx`` afresh.
"""

import copy

from minisr.engine.sample_parallel import Spread
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

    def replica(self):
        """Return a layer that shares the values of this one and has gradients of its own.

        Threads that each work on a replica add to different gradients and need no lock.
        """

        def own_gradients(layer):
            for name, parameter in layer.named_parameters():
                zeros = layer.kernels.zeros(parameter.value.shape, parameter.value.dtype)
                setattr(layer, name, Parameter(parameter.value, zeros))

        return self.twin(own_gradients)

    def twin(self, change):
        """Return a copy that shares everything, after ``change(leaf)`` of the copies of leaves."""
        twin = copy.copy(self)
        change(twin)
        return twin

    def learn(self, low, high, loss, threads):
        """Add the gradient of a batch's mean loss to every ``grad``, and return that loss.

        Parameters
        ----------
        low : ndarray, shape (N, C, H, W)
        high : ndarray, shape of ``forward``'s result
            What should have come out.
        loss : {"mse", "l1", "charbonnier"}
        threads : minisr.system.threads.Threads
            Samples are worked on side by side, and added in their order: the same bits for any
            number of threads. Where batch statistics are used, a batch is worked on as a whole,
            and samples lie side by side in the convolutions alone. A backend with ``WHOLE_BATCHES``
            takes all of it as a whole, and no threads.

        Returns
        -------
        float
        """
        loss_kernel = getattr(self.kernels, f"{loss}_loss")

        def learn_part(model, part, target):
            prediction, cache = model.forward(part)
            dprediction = self.kernels.empty(prediction.shape, prediction.dtype)
            share = loss_kernel(prediction, target, high.size, dprediction)
            model.backward(dprediction, cache)
            return share

        if self.kernels.WHOLE_BATCHES:
            return learn_part(self, low, high)
        if self.uses_batch_statistics:
            spread = Spread(self.kernels, threads)
            return learn_part(self.twin(lambda leaf: setattr(leaf, "kernels", spread)), low, high)

        def learn_sample(sample, target):
            twin = self.replica()  # a thread adds to its own twin's gradients, and to nothing else
            return learn_part(twin, sample[None], target[None]), twin

        total = 0.0
        for share, twin in threads.map(learn_sample, low, high):
            total += share
            for parameter, part in zip(self.parameters, twin.parameters, strict=True):
                self.kernels.add(parameter.grad, part.grad)
        return total

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

    def _each(self):
        """Yield ``(name, layer)``, each layer once, under its first name."""
        met = set()
        for name, layer in self.layers.items():
            if id(layer) not in met:
                met.add(id(layer))
                yield name, layer

    def named_parameters(self):
        """Yield ``(name, Parameter)``, a layer's name before its parameters'."""
        for layer_name, layer in self._each():
            for name, parameter in layer.named_parameters():
                yield f"{layer_name}.{name}", parameter

    def named_arrays(self):
        """Yield ``(name, ndarray)``, a layer's name before its arrays'."""
        for layer_name, layer in self._each():
            for name, array in layer.named_arrays():
                yield f"{layer_name}.{name}", array

    def leaves(self):
        """Yield the layers that consist of no others, in order, each once."""
        for _, layer in self._each():
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

    def twin(self, change):
        """Return a sequence of changed copies; what was one layer is one copy."""
        twin = copy.copy(self)
        copies = {id(layer): layer.twin(change) for _, layer in self._each()}
        twin.layers = {name: copies[id(layer)] for name, layer in self.layers.items()}
        return twin

    def __repr__(self):
        rows = [f"{self!s}: {self.parameter_count:,} parameters"]
        for name, layer in self.layers.items():
            shapes = ", ".join(f"{n} {p.value.shape}" for n, p in layer.named_parameters())
            if isinstance(layer, Sequential):
                shapes = f"{layer.parameter_count:,} parameters"
            rows.append(f"  {name:<14} {layer!s:<22} {shapes}".rstrip())
        return "\n".join(rows)
