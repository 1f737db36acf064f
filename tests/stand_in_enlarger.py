"""Stands in for an Enlarger where a test of files needs no network."""


def repeated(pixels, scale=2):
    """Return every pixel ``scale`` times as high and wide."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


class StandIn:
    """Enlarges pictures by a function.

    Parameters
    ----------
    enlarge : callable, optional
        Takes pixels and returns larger ones; by default every pixel is repeated.
    scale : float, optional
        By how much ``enlarge`` enlarges.
    halo : int, optional
        See `minisr.upscaling.enlarger.Enlarger`.
    size_of : callable, optional
        Instead of ``scale``: takes height and width, and returns those of the result.
    """

    def __init__(self, enlarge=None, scale=2, *, halo=None, size_of=None):
        self.enlarge, self.scale, self.halo = enlarge, scale, halo
        if size_of is not None:
            self.size_of = size_of

    def size_of(self, height, width):
        return round(height * self.scale), round(width * self.scale)

    def pixels(self, picture, threads=None):
        return repeated(picture, self.scale) if self.enlarge is None else self.enlarge(picture)
