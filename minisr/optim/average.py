"""The moving average of the weights."""

from minisr.kernels.contiguous import joined


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
        averages, values = (
            [array for _, array in network.named_arrays()] for network in (averaged, model)
        )
        self.pairs = list(zip(averages, values, strict=True))
        whole = joined(averages), joined(values)
        if all(array is not None for array in whole):  # a backend has put them together
            self.pairs = [whole]
        self.kernels = model.kernels
        self.decay = decay

    def update(self, step):
        """Follow the network after its step number ``step``, counted from one."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in self.pairs:
            if value.dtype.kind == "f":
                self.kernels.lerp(average, value, 1 - decay)
            else:
                average[...] = value
