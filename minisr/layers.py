"""Layers without autograd: each knows its forward, its backward, and what the one leaves the other.

``out, cache = layer.forward(x)`` and ``dx = layer.backward(dout, cache)``. The cache is handed to
the caller, never kept on the layer: inference drops it, and two threads may share a layer. A
layer checks shapes, allocates, and calls one kernel; the arithmetic is in ``minisr.kernels``.

Arrays are (N, C, H, W). ``backward`` adds to every parameter's ``grad`` and returns ``dx`` afresh.
"""

import copy
import itertools

from minisr.errors import CheckpointError, SettingsError, ShapeError
from minisr.kernels import Stage
from minisr.threads import default_threads


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


class Conv2d(Layer):
    """Convolution (cross-correlation) with stride one, zero-padded to keep height and width.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int, odd
    kernels : module
        A backend, see `minisr.kernels.load`.
    dtype : numpy dtype
        float32, or float64 for checks.

    Notes
    -----
    ``weight`` has shape (out_channels, in_channels, kernel_size, kernel_size), ``bias``
    (out_channels,). Both start at zero; ``minisr.models.initialization`` fills them.
    ``padding`` is ``(top, bottom, left, right)``.
    """

    def __init__(self, in_channels, out_channels, kernel_size, kernels, dtype):
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise SettingsError(f"kernel_size must be odd and positive, got {kernel_size}")
        self.kernels = kernels
        self.padding = (kernel_size // 2,) * 4
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = Parameter(kernels.zeros(shape, dtype), kernels.zeros(shape, dtype))
        self.bias = Parameter(kernels.zeros(shape[:1], dtype), kernels.zeros(shape[:1], dtype))

    def forward(self, x):
        """(N, C, H, W) -> (N, F, H', W'); the cache is ``x``."""
        self.check(x)
        weight, bias = self.weight.value, self.bias.value
        F, _, K, _ = weight.shape
        top, bottom, left, right = self.padding
        N, _, H, W = x.shape
        shape = (N, F, H + top + bottom - K + 1, W + left + right - K + 1)
        out = self.kernels.empty(shape, x.dtype)
        self.kernels.conv2d_forward(x, weight, bias, self.padding, out)
        return out, x

    def check(self, x):
        """Raise ShapeError unless ``x`` is what this layer takes."""
        _, C, K, _ = self.weight.value.shape
        if x.ndim != 4 or x.shape[1] != C or x.dtype != self.weight.value.dtype:
            raise ShapeError(
                f"{self} expects x of shape (N, {C}, H, W) and dtype {self.weight.value.dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        top, bottom, left, right = self.padding
        N, _, H, W = x.shape
        if N < 1 or min(H, W) < 1 or H + top + bottom < K or W + left + right < K:
            raise ShapeError(f"{self} expects at least one sample and one pixel, got {x.shape}")

    def backward(self, dout, x):
        """(N, F, H', W') -> (N, C, H, W)."""
        self.kernels.conv2d_backward_params(dout, x, self.padding, self.weight.grad, self.bias.grad)
        dx = self.kernels.empty(x.shape, x.dtype)
        self.kernels.conv2d_backward_input(dout, self.weight.value, self.padding, dx)
        return dx

    def __str__(self):
        F, C, K, _ = self.weight.value.shape
        return f"Conv2d({C} -> {F}, {K}x{K})"


class Tanh(Layer):
    """Hyperbolic tangent, value by value."""

    def __init__(self, kernels):
        self.kernels = kernels

    def forward(self, x):
        """Any shape; the cache is the result, since tanh' = 1 - tanh^2."""
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.tanh_forward(x, out)
        return out, out

    def backward(self, dout, out):
        """Take the shape of ``out``."""
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.tanh_backward(dout, out, dx)
        return dx


class ReLU(Layer):
    """max(x, 0), value by value."""

    def __init__(self, kernels):
        self.kernels = kernels

    def forward(self, x):
        """Any shape; the cache is the result, which is positive just where ``x`` is."""
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.relu_forward(x, out)
        return out, out

    def backward(self, dout, out):
        """Take the shape of ``out``."""
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.relu_backward(dout, out, dx)
        return dx


class PixelShuffle(Layer):
    """Turn R*R channels into R x R pixels: (N, C*R*R, H, W) -> (N, C, H*R, W*R)."""

    def __init__(self, upscale_factor, kernels):
        self.upscale_factor = upscale_factor
        self.kernels = kernels

    def forward(self, x):
        """Needs no cache: its gradient only moves numbers back."""
        R = self.upscale_factor
        if x.ndim != 4 or x.shape[1] % (R * R):
            raise ShapeError(f"{self} expects x of shape (N, C*{R * R}, H, W), got {x.shape}")
        N, C, H, W = x.shape
        out = self.kernels.empty((N, C // (R * R), H * R, W * R), x.dtype)
        self.kernels.pixel_shuffle(x, R, out)
        return out, None

    def backward(self, dout, cache):
        """(N, C, H*R, W*R) -> (N, C*R*R, H, W)."""
        R = self.upscale_factor
        N, C, H, W = dout.shape
        dx = self.kernels.empty((N, C * R * R, H // R, W // R), dout.dtype)
        self.kernels.pixel_unshuffle(dout, R, dx)
        return dx

    def __str__(self):
        return f"PixelShuffle({self.upscale_factor})"


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


class ConvStack(Sequential):
    """Convolutions, activations between them, and a pixel shuffle at the end, run as one.

    ``forward`` and ``backward`` go layer by layer, as in every `Sequential`. A call, and `learn`,
    leave the whole stack to the backend if it has something better (see ``minisr.kernels``): tiles
    that stay in the cache, convolution and activation in one pass.

    Parameters
    ----------
    layers : dict of str to Layer
    kernels : module
    """

    def __init__(self, layers, kernels):
        super().__init__(layers)
        self.kernels = kernels
        *_, shuffle = layers.values()
        names = {Tanh: "tanh", ReLU: "relu"}
        stages = [
            Stage(layer.weight, layer.bias, names.get(type(following)))
            for layer, following in itertools.pairwise(layers.values())
            if isinstance(layer, Conv2d)
        ]
        self.stack = kernels.stack(stages, shuffle.upscale_factor)

    def __call__(self, x, threads=None):
        """Run the stack on a batch of pictures.

        Parameters
        ----------
        x : ndarray, shape (N, C, H, W)
        threads : minisr.threads.Threads, optional
            By default one a processor.

        Returns
        -------
        ndarray, shape (N, C', H * upscale_factor, W * upscale_factor)
        """
        if self.stack is None:
            return super().__call__(x)
        first, *_, last, shuffle = self.layers.values()
        first.check(x)
        R = shuffle.upscale_factor
        N, _, H, W = x.shape
        C = last.weight.value.shape[0] // R**2
        out = self.kernels.empty((N, C, H * R, W * R), x.dtype)
        self.stack.forward(x, out, threads or default_threads())
        return out

    def replica(self):
        """Return replicas, called layer by layer: the backend's stack adds to our gradients."""
        twin = super().replica()
        twin.stack = None
        return twin

    def learn(self, low, high, loss, threads):
        """See `Layer.learn`."""
        if self.stack is None:
            return super().learn(low, high, loss, threads)
        return self.stack.learn(low, high, loss, threads)
