"""What all layers share, and layers one after the other.

``out, cache = layer.forward(x)`` and ``dx = layer.backward(dout, cache)``. The cache is handed to
the caller, never kept on the layer: inference drops it, and two threads may share a layer. A
layer checks shapes, allocates, and calls one kernel; the arithmetic is in ``minisr.kernels``.

Arrays are (N, C, H, W). ``backward`` adds to every parameter's ``grad`` and returns ``dx`` afresh.
"""

import copy

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
    """What all layers share; a layer of one's own defines ``forward`` and ``backward``."""

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
        for parameter in self.parameters:
            parameter.grad[...] = 0

    def replica(self):
        """Return a layer that shares the values of this one and has gradients of its own.

        Threads that each work on a replica add to different gradients and need no lock.
        """
        twin = copy.copy(self)
        for name, attribute in vars(self).items():
            if isinstance(attribute, Parameter):
                zeros = self.kernels.zeros(attribute.value.shape, attribute.value.dtype)
                setattr(twin, name, Parameter(attribute.value, zeros))
        return twin

    def learn(self, low, high, loss, threads):
        """Add the gradient of a batch's mean loss to every ``grad``, and return that loss.

        Parameters
        ----------
        low : ndarray, shape (N, C, H, W)
        high : ndarray, shape of ``forward``'s result
            What should have come out.
        loss : {"mse", "l1", "charbonnier"}
        threads : minisr.threads.Threads
            Samples are worked on side by side, and added in their order: the same bits for any
            number of threads.

        Returns
        -------
        float
        """
        loss_kernel = getattr(self.kernels, f"{loss}_loss")

        def learn_sample(sample, target):
            twin = self.replica()  # a thread adds to its own twin's gradients, and to nothing else
            prediction, cache = twin.forward(sample[None])
            dprediction = self.kernels.empty(prediction.shape, prediction.dtype)
            share = loss_kernel(prediction, target[None], high.size, dprediction)
            twin.backward(dprediction, cache)
            return share, twin

        total = 0.0
        for share, twin in threads.map(learn_sample, low, high):
            total += share
            for parameter, part in zip(self.parameters, twin.parameters, strict=True):
                self.kernels.add(parameter.grad, part.grad)
        return total

    def state_dict(self):
        """Return a copy of all values as ``{name: ndarray}``, PyTorch's names and shapes."""
        return {name: parameter.value.copy() for name, parameter in self.named_parameters()}

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
        own = dict(self.named_parameters())
        faults = [f"{name} is missing" for name in own if name not in state]
        faults += [f"{name} is not in this network" for name in state if name not in own]
        faults += [
            f"{name} has shape {tuple(state[name].shape)}, expected {parameter.value.shape}"
            for name, parameter in own.items()
            if name in state and tuple(state[name].shape) != parameter.value.shape
        ]
        if faults:
            raise CheckpointError(f"these weights are not for {self!s}: {'; '.join(faults)}")
        for name, parameter in own.items():
            parameter.value[...] = state[name]

    def __str__(self):
        return type(self).__name__

    def __repr__(self):
        return str(self)


class Sequential(Layer):
    """Layers one after the other; itself a layer, so that it nests.

    Parameters
    ----------
    layers : dict of str to Layer
        In order. The names make those of the parameters: ``conv1.weight``.
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

    def named_parameters(self):
        """Yield ``(name, Parameter)``, a layer's name before its parameters'."""
        for layer_name, layer in self.layers.items():
            for name, parameter in layer.named_parameters():
                yield f"{layer_name}.{name}", parameter

    def replica(self):
        """Return a sequence that shares values and has gradients of its own."""
        twin = copy.copy(self)
        twin.layers = {name: layer.replica() for name, layer in self.layers.items()}
        return twin

    def __repr__(self):
        rows = [f"{self!s}: {self.parameter_count:,} parameters"]
        for name, layer in self.layers.items():
            shapes = ", ".join(f"{n} {p.value.shape}" for n, p in layer.named_parameters())
            rows.append(f"  {name:<14} {layer!s:<22} {shapes}".rstrip())
        return "\n".join(rows)
