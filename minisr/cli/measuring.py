"""``minisr evaluate``: one picture, measured by every method and protocol."""

from dataclasses import dataclass

import numpy as np

from minisr.cli.common import allowed_by_option
from minisr.errors import DeviceMemoryError, PictureError
from minisr.evaluation.evaluate import as_trained, pictures_of, score_methods
from minisr.evaluation.protocols import PROTOCOLS
from minisr.evaluation.report import make_section
from minisr.evaluation.tables import short_names
from minisr.images import read_picture
from minisr.images.profiles import profile_for
from minisr.system.threads import Threads
from minisr.upscaling.enlarger import Enlarger


@dataclass(frozen=True)
class Measured:
    """The figures of a picture.

    Attributes
    ----------
    scores : dict of str to (dict of str to minisr.evaluation.evaluate.Score)
        By protocol and method.
    variants : dict of str to (dict of str to minisr.evaluation.evaluate.Score)
        Bicubic's, by variant of protocol matlab.
    section : minisr.evaluation.report.Section or None
        The picture's part of the page.
    """

    scores: dict
    variants: dict
    section: object


class Page:
    """Makes the page's section for each picture, enlarged as ``minisr upscale`` would.

    Parameters
    ----------
    files : list of pathlib.Path
    networks : dict of str to Network or None
        None is bicubic.
    engine : str
        See `minisr.engine`.
    """

    def __init__(self, files, networks, engine):
        self.names = dict(zip(files, short_names(files), strict=True))
        self.labels = dict(zip(networks, short_names(networks), strict=True))
        self.methods = {
            name: None if network is None else Enlarger(network, engine=engine)
            for name, network in networks.items()
        }

    def section(self, path, picture, low, scale, scores, threads):
        """Return a picture's section of the page; its scores are by method."""
        original, versions = pictures_of(picture.pixels, scale, self.methods, threads, low)
        return make_section(
            self.names[path],
            {self.labels[name]: version for name, version in versions.items()},
            original,
            {self.labels[name]: (score.psnr, score.ssim) for name, score in scores.items()},
            profile_for(original, picture),
        )


def compiled(networks, engine, threads):
    """Return enlargers that run networks as they were trained, compiled before any is timed.

    Parameters
    ----------
    networks : dict of str to Network or None
        None is bicubic.
    engine : str
        See `minisr.engine`.
    threads : minisr.system.threads.Threads

    Returns
    -------
    dict of str to minisr.upscaling.enlarger.Enlarger or None
    """
    methods = {}
    for name, network in networks.items():
        methods[name] = None if network is None else as_trained(network, engine)
        if network is not None:
            blank = np.zeros((network.in_channels, 12, 12), np.float32)
            methods[name].planes(blank, threads)
    return methods


@dataclass(frozen=True)
class Measure:
    """Measures a picture; several threads may call it at once.

    Attributes
    ----------
    scale : int
    methods : dict of str to minisr.upscaling.enlarger.Enlarger or None
        See `compiled`.
    protocols : list of minisr.evaluation.protocols.Protocol
    variants : dict of str to minisr.evaluation.protocols.Protocol
        Of protocol matlab, by what they do differently.
    lows : dict of pathlib.Path to (pathlib.Path or PictureError)
        See `minisr.evaluation.low_pictures.match_low_pictures`; empty if protocols make them.
    page : Page or None
    threads : minisr.system.threads.Threads
        They share a picture.
    allow_large : bool
        Whether to read pictures of more than 179 megapixels, too.
    """

    scale: int
    methods: dict
    protocols: list
    variants: dict
    lows: dict
    page: Page | None
    threads: Threads
    allow_large: bool

    def __call__(self, path):
        """Return the picture's figures, or the PictureError that says why there are none."""
        try:
            with allowed_by_option():
                return self._measured(path)
        except (PictureError, DeviceMemoryError) as error:
            is_named = isinstance(error, PictureError) and str(path) in str(error)
            return error if is_named else PictureError(f"{path}: {error}")

    def _measured(self, path):
        picture = self._read(path)
        low = self.lows.get(path)
        if isinstance(low, PictureError):
            raise low
        if low is not None:
            low = self._read(low).pixels

        def scores(methods, protocol):
            return score_methods(picture.pixels, self.scale, methods, protocol, self.threads, low)

        scored = {protocol.name: scores(self.methods, protocol) for protocol in self.protocols}
        bicubic = {"bicubic": None}
        changed = {text: scores(bicubic, variant) for text, variant in self.variants.items()}
        section = None
        if self.page is not None:
            first = scored[self.protocols[0].name]
            section = self.page.section(path, picture, low, self.scale, first, self.threads)
        return Measured(scored, changed, section)

    def _read(self, path):
        return read_picture(path, allow_large=self.allow_large)


def differences(variants, measured):
    """Return by how much each variant changes bicubic's PSNR against protocol matlab, in dB.

    Parameters
    ----------
    variants : dict of str to minisr.evaluation.protocols.Protocol
        See `Measure`.
    measured : list of Measured

    Returns
    -------
    dict of str to float
        By variant.
    """
    matlab = PROTOCOLS["matlab"]

    def psnr(protocol, scores):
        return protocol.mean_psnr([score["bicubic"].psnr for score in scores])

    return {
        text: psnr(variant, [result.variants[text] for result in measured])
        - psnr(matlab, [result.scores["matlab"] for result in measured])
        for text, variant in variants.items()
    }
