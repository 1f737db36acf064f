"""The whole job once, on real pictures: train from scratch, enlarge, compare with bicubic."""

from pathlib import Path

import numpy as np

from minisr import models
from minisr.errors import MinisrError, SettingsError
from minisr.evaluation.comparison import WHITE, error_map, write_comparison
from minisr.evaluation.evaluate import evaluate_picture
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import imresize, read_picture, write_picture
from minisr.training import runs
from minisr.upscaling.picture import upscale

# Photographs that come inside scikit-image's wheel; its diagrams and scans are left out.
LEARN = (
    *("brick.png", "camera.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "rocket.jpg"),
)
HOLD_OUT = ("astronaut.png", "chelsea.png")
SCALE = 3
# A part of each held-out picture with fine detail: top and left, in pixels of the original.
DETAIL = {"astronaut.png": (30, 120), "chelsea.png": (60, 90)}
DETAIL_SIZE = 240
OWN, BUNDLED = "ESPCN, yours", "ThinSR, bundled"


class DemoError(MinisrError):
    """The network was not better than bicubic."""


def pictures_folder():
    """Return the folder of scikit-image's pictures, or raise SettingsError."""
    try:
        import skimage
    except ImportError as error:
        raise SettingsError(
            "the demo needs the pictures of scikit-image: pip install minisr[demo]"
        ) from error
    return Path(skimage.__file__).parent / "data"


def run(folder, seconds=90, threads=None, should_stop=lambda: False):
    """Train ESPCN x3, enlarge two pictures that it has not seen, print and draw the comparison.

    It is compared with bicubic and with the bundled networks, which were trained for longer and on
    more pictures.

    Parameters
    ----------
    folder : path-like
        For the run and the pictures; an unfinished run in it is resumed.
    seconds : float, optional
        How long to train.
    threads : int, optional
    should_stop : callable, optional
        See `minisr.training.runs.train`.

    Returns
    -------
    bool
        False if training was stopped before its end.

    Raises
    ------
    DemoError
        If the network does not beat bicubic on both pictures.
    """
    folder, data = Path(folder), pictures_folder()
    held_out = [data / name for name in HOLD_OUT]
    if runs.is_finished(folder / "run"):
        runs.discard(folder / "run")
    again = (folder / "run" / runs.CHECKPOINT).exists()
    print(
        f"Training ESPCN x{SCALE} from scratch for about {seconds:.0f} seconds"
        f" on {len(LEARN)} photographs that come with scikit-image;"
    )
    print(f"{' and '.join(HOLD_OUT)} are held out.")
    if again:
        print(f"(Resuming the unfinished run in {folder / 'run'}.)")
    result = runs.train(
        folder / "run",
        [data / name for name in LEARN],
        minutes=None if again else seconds / 60,
        validation=held_out,
        resume=again,
        threads=threads,
        should_stop=should_stop,
        upscale_factor=SCALE,
    )
    if not result.finished:
        return False
    protocol = PROTOCOLS["matlab"]
    methods = {
        "bicubic": None,
        OWN: result.model,
        "ESPCN, bundled": models.from_pretrained("espcn", SCALE),
        BUNDLED: models.from_pretrained(models.DEFAULT, SCALE),
    }
    print(f"\n{'PSNR dB / SSIM':<16}" + "".join(f"{name:>21}" for name in methods))
    losers = []
    for path in held_out:
        scores = evaluate_picture(path, SCALE, methods, protocol)
        figures = "".join(f"{f'{s.psnr:.2f} / {s.ssim:.4f}':>21}" for s in scores.values())
        print(f"{path.name:<16}{figures}")
        if scores[OWN].psnr <= scores["bicubic"].psnr or scores[OWN].ssim <= scores["bicubic"].ssim:
            losers.append(path.name)
        _write_pictures(folder, path, methods, scores)
    print(f"Protocol {protocol.name}: {protocol.description}.\n")
    print(f"Look at {folder / 'comparison-astronaut.png'}; all pictures, the weights,")
    print(f"the log and the curves are in {folder}.")
    if losers:
        raise DemoError(f"ESPCN did not beat bicubic on {' and '.join(losers)}")
    return True


def _write_pictures(folder, path, methods, scores):
    """Shrink a picture, enlarge it in three ways, and write the results and a comparison."""
    original = read_picture(path).pixels[..., :3]
    height, width = (n - n % SCALE for n in original.shape[:2])
    original = original[:height, :width]
    low = imresize(original, (height // SCALE, width // SCALE))
    large = {
        "bicubic": imresize(low, (height, width)),
        OWN: upscale(low, SCALE, methods[OWN]),
        BUNDLED: upscale(low, SCALE, methods[BUNDLED]),
    }
    for name, pixels in (("low", low), *large.items()):
        write_picture(folder / f"{path.stem}-{name.split(',')[0].lower()}.png", pixels)
    top, left = DETAIL[path.name]
    window = (slice(top, top + DETAIL_SIZE), slice(left, left + DETAIL_SIZE))

    def detail(pixels):
        return np.repeat(np.repeat(pixels[window], 2, axis=0), 2, axis=1)

    nearest = np.repeat(np.repeat(low, SCALE, axis=0), SCALE, axis=1)
    panels = [
        ("original", detail(original)),
        *((f"{name}: {scores[name].psnr:.2f} dB", detail(large[name])) for name in large),
        ("low resolution", detail(nearest)),
        *(
            (f"its error (white: {WHITE} levels)", detail(error_map(large[name], original)))
            for name in large
        ),
    ]
    write_comparison(folder / f"comparison-{path.stem}.png", panels, columns=4)
