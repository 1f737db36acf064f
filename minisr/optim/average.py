"""The moving average of the weights."""


class MovingAverage:
    """The exponential moving average of a network's weights, kept as a network of its own.

    Weights that still jump about a minimum have an average that lies nearer to it (Polyak and
    Juditsky, 1992). The first steps count more, so that the average soon forgets the start:
    the decay of step t is at most (1 + t) / (10 + t).

    Buffers are averaged like weights: the running statistics of batch normalisation belong to the
    weights of the same steps, so that the average of both looks back equally far. What counts
    (batches) is copied.

    Parameters
    ----------
    model, averaged : Layer
        The network that learns, and another of the same shape that follows it.
    decay : float
        In [0, 1); zero makes ``averaged`` a copy.
    """

    def __init__(self, model, averaged, decay):
        self.model, self.averaged = model, averaged
        self.kernels = model.kernels
        self.decay = decay

    def pairs(self):
        """Return ``(average, value)`` of every array that a file keeps."""
        arrays = ([a for _, a in net.named_arrays()] for net in (self.averaged, self.model))
        return zip(*arrays, strict=True)

    def update(self, step):
        """Follow the network after its step number ``step``, counted from one."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in self.pairs():
            if value.dtype.kind == "f":
                self.kernels.lerp(average, value, 1 - decay)
            else:
                average[...] = value
