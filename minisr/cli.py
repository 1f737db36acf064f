"""The command line: one function a subcommand; every error is one line."""

import argparse
import dataclasses
import json
import math
import signal
import sys
from pathlib import Path

from tqdm import tqdm

from minisr import demo, models, runs, trainer
from minisr.atomic import atomic_path
from minisr.errors import MinisrError, PictureError, SettingsError
from minisr.evaluation import evaluate_picture, mean
from minisr.images import find_pictures, read_picture, write_picture
from minisr.images.files import WRITE_SUFFIXES
from minisr.kernels import BACKENDS
from minisr.metrics import PROTOCOLS
from minisr.models.initialization import METHODS
from minisr.threads import Threads
from minisr.upscale import upscale
from minisr.version import __version__

INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended


def main(argv=None):
    """Run a command.

    Parameters
    ----------
    argv : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 some pictures failed, 2 nothing done, 130 interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except MinisrError as error:
        return _fail(error)
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = None
        return 0
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        return _fail("not enough memory; try fewer threads or smaller pictures")
    except KeyboardInterrupt:
        print("minisr: interrupted", file=sys.stderr)
        return INTERRUPTED


def _fail(message):
    print(f"minisr: error: {' '.join(str(message).split())}", file=sys.stderr)
    return 2


def _note(message):
    tqdm.write(f"minisr: {message}", file=sys.stderr)


def _load_model(name, scale, device):
    """Return the network that ``-m`` and ``-s`` ask for: one that comes along, or a file's."""
    shipped = sorted({shipped for shipped, _ in models.pretrained_names()})
    if name in (*shipped, *models.MODELS):
        return models.from_pretrained(name, 3 if scale is None else scale, device)
    if not Path(name).exists():
        raise SettingsError(
            f"{name}: no such file of weights; networks that come along: {', '.join(shipped)}"
        )
    model = models.load(name, device)
    if scale not in (None, model.upscale_factor):
        raise SettingsError(f"{name} enlarges x{model.upscale_factor}, not x{scale}")
    return model


def upscale_command(arguments):
    """Enlarge pictures."""
    files = find_pictures(arguments.pictures)
    model = _load_model(arguments.model, arguments.scale, arguments.device)
    outputs = _outputs(files, arguments.output, model.upscale_factor)

    def enlarge(source, target):
        try:
            picture = read_picture(source)
            large = upscale(picture.pixels, model=model, threads=within)
            write_picture(target, large, picture.metadata)
        except PictureError as error:
            named = str(error) if str(source) in str(error) else f"{source}: {error}"
            return PictureError(named)
        return None

    with Threads(arguments.threads) as pool:
        within = _threads_within(pool, files)
        faults = []
        for first in tqdm(range(0, len(files), pool.count), disable=_quiet(files)):
            some = slice(first, first + pool.count)
            faults += pool.map(enlarge, files[some], outputs[some])
    faults = [fault for fault in faults if fault]
    if len(files) == 1 and faults:
        raise faults[0]
    for fault in faults:
        _note(f"error: {fault}")
    if faults:
        _note(f"{len(faults)} of {len(files)} pictures failed")
        return 2 if len(faults) == len(files) else 1
    return 0


def _threads_within(pool, files):
    """Let threads share one picture; of several, let each thread have its own."""
    return pool if len(files) == 1 else Threads(1)


def _quiet(files):
    return len(files) < 2 or not sys.stderr.isatty()


def _outputs(files, output, scale):
    """Return where each result goes; make the folder where one is meant."""
    folder = None if output is None else Path(output)
    names_a_file = (
        folder is not None and folder.suffix and not folder.is_dir() and output[-1] not in "/\\"
    )
    if names_a_file and len(files) == 1:
        targets = [folder]
    elif names_a_file and folder.suffix.lower() in WRITE_SUFFIXES:
        raise SettingsError(f"{folder} is one picture, but {len(files)} are given; name a folder")
    else:
        targets = [
            (folder or file.parent) / f"{file.stem}_x{scale}{_suffix_for(file)}" for file in files
        ]
        _make_folder(folder)
    sources = {file.resolve(): file for file in files}
    taken = {}
    for source, target in zip(files, targets, strict=True):
        if target.suffix.lower() not in WRITE_SUFFIXES:
            raise PictureError(
                f"{target}: cannot write pictures of kind '{target.suffix}': "
                f"use {' '.join(WRITE_SUFFIXES)}"
            )
        if not target.parent.is_dir():
            raise SettingsError(f"{target}: cannot be written: no folder {target.parent}")
        if target.resolve() in sources:
            replaced = sources[target.resolve()]
            raise SettingsError(
                f"the result of {source} would replace the picture {replaced}; choose another -o"
            )
        if target in taken:
            raise SettingsError(f"{taken[target]} and {source} would both become {target}")
        taken[target] = source
    return targets


def _make_folder(folder):
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"{folder}: the folder cannot be made: {reason}") from error


def _suffix_for(file):
    return file.suffix if file.suffix.lower() in WRITE_SUFFIXES else ".png"


def train_command(arguments):
    """Train a network on pictures."""
    names = [field.name for field in dataclasses.fields(trainer.TrainConfig)]
    settings = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    if settings and not arguments.resume and not arguments.pictures:
        raise SettingsError("train on what? name folders or pictures")
    with _Interruptible() as interrupted:
        result = runs.train(
            arguments.output,
            arguments.pictures,
            minutes=arguments.minutes,
            validation=arguments.validation or (),
            resume=arguments.resume,
            threads=arguments.threads,
            backend=arguments.device,
            show_progress=not arguments.quiet,
            say=_note,
            should_stop=interrupted,
            **settings,
        )
    if not result.finished:
        if (arguments.output / runs.CHECKPOINT).exists():
            _note(f"interrupted; saved. Go on with: minisr train --resume -o {arguments.output}")
        else:
            _note("interrupted before the first step; nothing to save")
        return INTERRUPTED
    last = result.rows[-1]
    if last["psnr"] is not None:
        gain = last["psnr"] - last["bicubic_psnr"]
        print(
            f"step {last['step']}: {last['psnr']:.2f} dB on held-out pictures, "
            f"{gain:+.2f} dB against bicubic (protocol matlab)"
        )
    print(f"weights: {arguments.output / runs.MODEL}")
    return 0


class _Interruptible:
    """While a ``with`` block runs, the first Ctrl-C only asks to stop; the second one does."""

    def __init__(self):
        self.asked = False

    def __call__(self):
        return self.asked

    def __enter__(self):
        self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self.before)

    def _ask(self, *_):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def evaluate_command(arguments):
    """Measure networks and bicubic on pictures."""
    protocol = PROTOCOLS[arguments.protocol]
    files = find_pictures(arguments.pictures)
    scale = arguments.scale
    methods = {"bicubic": None}
    for name in arguments.model or ["espcn"]:
        if name != "bicubic":
            methods[name] = _load_model(name, scale, arguments.device)
            scale = methods[name].upscale_factor
    scale = 3 if scale is None else scale
    report = arguments.json
    if report and (report.is_dir() or not report.absolute().parent.is_dir()):
        raise SettingsError(f"--json {report}: expected a file in a folder that is there")

    def scores_of(path):
        try:
            return evaluate_picture(path, scale, methods, protocol, within)
        except PictureError as error:
            return error

    with Threads(arguments.threads) as pool:
        within = _threads_within(pool, files)
        step = pool.count
        results = []
        for first in tqdm(range(0, len(files), step), disable=_quiet(files), leave=False):
            results += pool.map(scores_of, files[first : first + step])
    measured = {f: r for f, r in zip(files, results, strict=True) if isinstance(r, dict)}
    for error in results:
        if isinstance(error, PictureError):
            _note(f"skipped: {error}")
    if not measured:
        raise PictureError("none of the pictures could be measured")
    means = {name: mean([scores[name] for scores in measured.values()]) for name in methods}
    _print_table(measured, means)
    print(f"x{scale}; protocol {protocol.name}: {protocol.description}")
    if report:
        _write_json(report, measured, means, scale, protocol.name)
    failures = len(files) - len(measured)
    if failures:
        _note(f"{failures} of {len(files)} pictures skipped")
        return 1
    return 0


def _print_table(measured, means):
    rows = [(file.name, scores) for file, scores in measured.items()] + [("mean", means)]
    first = max(len(name) for name, _ in rows) + 2
    # Files' names tell them apart; if not, as with A/model and B/model, their whole paths do.
    short = {Path(name).name for name in means}
    labels = [Path(name).name for name in means] if len(short) == len(means) else list(means)
    widths = [max(18, len(label)) + 2 for label in labels]
    pairs = list(zip(labels, widths, strict=True))
    print(f"{'PSNR dB / SSIM':<{first}}" + "".join(f"{label:>{width}}" for label, width in pairs))
    for name, scores in rows:
        figures = [f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores.values()]
        cells = zip(figures, widths, strict=True)
        print(f"{name:<{first}}" + "".join(f"{figure:>{width}}" for figure, width in cells))


def _write_json(path, measured, means, scale, protocol):
    """Write the figures; a PSNR of equal pictures is infinite, which JSON has no word for: null."""

    def plain(scores):
        return {
            name: {"psnr": score.psnr if math.isfinite(score.psnr) else None, "ssim": score.ssim}
            for name, score in scores.items()
        }

    report = {
        "minisr": __version__,
        "protocol": protocol,
        "scale": scale,
        "mean": plain(means),
        "pictures": {str(file): plain(scores) for file, scores in measured.items()},
    }
    with atomic_path(path) as temporary:
        text = json.dumps(report, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def demo_command(arguments):
    """Train for a short while on real pictures and compare with bicubic."""
    with _Interruptible() as interrupted:
        finished = demo.run(arguments.output, arguments.seconds, arguments.threads, interrupted)
    if not finished:
        _note("interrupted. Run the demo again to go on")
        return INTERRUPTED
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error here."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _scale(text):
    if text not in [str(scale) for scale in range(2, 9)]:
        raise argparse.ArgumentTypeError(f"expected an integer from 2 to 8, got {text}")
    return int(text)


def _parser():
    parser = _Parser(prog="minisr", description="Larger pictures by ESPCN, written by hand.")
    parser.add_argument("--version", action="version", version=f"minisr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name, run, summary):
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run)
        sub.add_argument(
            "-j", "--threads", type=int, metavar="N", help="threads (default: one a processor)"
        )
        return sub

    def device(sub):
        sub.add_argument(
            "--device", choices=list(BACKENDS), default="cpu", help="what computes (default: cpu)"
        )

    sub = command("upscale", upscale_command, "Enlarge pictures.")
    sub.add_argument("pictures", nargs="+", type=Path, metavar="IN", help="pictures and folders")
    sub.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a file, or a folder for NAME_xS.EXT (default: beside each picture)",
    )
    sub.add_argument(
        "-s", "--scale", type=_scale, metavar="S", help="default: 3, or that of the file of weights"
    )
    sub.add_argument(
        "-m",
        "--model",
        default="espcn",
        help="a network that comes along, or a file of weights (default: espcn)",
    )
    device(sub)

    sub = command("train", train_command, "Train a network on pictures.")
    sub.add_argument("pictures", nargs="*", type=Path, metavar="PICTURES", help="and folders")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="a folder")
    sub.add_argument("--minutes", type=float, metavar="T", help="as many steps as take so long")
    sub.add_argument(
        "--resume", action="store_true", help="go on with the run in RUN, whose settings stay"
    )
    sub.add_argument(
        "--validation",
        type=Path,
        nargs="+",
        metavar="PICTURES",
        help="measured as it goes (default: one picture in ten, at most eight, is held out)",
    )
    defaults = {field.name: field.default for field in dataclasses.fields(trainer.TrainConfig)}
    defaults["steps"] = runs.DEFAULT_STEPS

    def setting(flags, name, text, **options):
        # What was not given is not there at all: a resumed run has settings of its own.
        if name in defaults and defaults[name] is not dataclasses.MISSING:
            shown = defaults[name]
            shown = " ".join(map(str, shown)) if isinstance(shown, tuple) else shown
            text += f" (default: {shown})"
        sub.add_argument(*flags, dest=name, default=argparse.SUPPRESS, help=text, **options)

    setting(("-s", "--scale"), "upscale_factor", "how much larger: 2 to 8", type=_scale)
    setting(("-m", "--model"), "model", "network", choices=list(models.MODELS))
    setting(("--steps",), "steps", "batches", type=int)
    setting(("--seed",), "seed", "the same seed gives the same weights", type=int)
    setting(("--loss",), "loss", "what is minimised", choices=trainer.LOSSES)
    setting(("--learning-rate",), "learning_rate", "at its highest", type=float)
    setting(("--beta2",), "beta2", "decay of Adam's second moment", type=float)
    setting(("--schedule",), "schedule", "how the learning rate falls", choices=trainer.SCHEDULES)
    setting(("--warmup",), "warmup", "steps of its rise, for cosine", type=int)
    setting(("--milestones",), "milestones", "epochs, for multistep", type=int, nargs="+")
    setting(("--gamma",), "gamma", "factor at a milestone, for multistep", type=float)
    setting(("--batch-size",), "batch_size", "patches a step", type=int)
    setting(("--patch-size",), "patch_size", "low-resolution pixels a side", type=int)
    setting(("--in-channels",), "in_channels", "1 luma, 3 RGB", type=int, choices=(1, 3))
    setting(("--activation",), "activation", "between layers", choices=("tanh", "relu"))
    setting(("--initialization",), "initialization", "of the weights", choices=METHODS)
    setting(
        ("--icnr",), "icnr", "start without a checkerboard", action=argparse.BooleanOptionalAction
    )
    setting(("--average",), "average_decay", "of the weights' moving average", type=float)
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    device(sub)

    sub = command("evaluate", evaluate_command, "Measure networks and bicubic on pictures.")
    sub.add_argument("pictures", nargs="+", type=Path, metavar="PICTURES", help="and folders")
    sub.add_argument(
        "-s", "--scale", type=_scale, metavar="S", help="default: 3, or that of the file of weights"
    )
    sub.add_argument(
        "-m",
        "--model",
        action="append",
        help="a network that comes along, or a file of weights; may be repeated; "
        "'bicubic' alone measures no network (default: espcn)",
    )
    sub.add_argument(
        "--protocol", choices=list(PROTOCOLS), default="matlab", help="default: matlab"
    )
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    device(sub)

    sub = command("demo", demo_command, "Train for 90 seconds on real pictures; compare.")
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="a folder (default: demo-output)",
    )
    sub.add_argument("--seconds", type=float, default=90, help="of training (default: 90)")
    return parser
