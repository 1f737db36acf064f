"""The command line: one function a subcommand; every error is one line."""

import argparse
import json
import signal
import sys
from pathlib import Path

from tqdm import tqdm

from minisr import demo, models, runs, trainer
from minisr.atomic import atomic_path
from minisr.errors import MinisrError, PictureError, SettingsError
from minisr.evaluation import evaluate_picture, mean, protocol_named
from minisr.images import find_pictures, read_picture, write_picture
from minisr.images.files import WRITE_SUFFIXES
from minisr.kernels import BACKENDS
from minisr.metrics import PROTOCOLS
from minisr.models.initialization import METHODS
from minisr.threads import Threads
from minisr.upscale import scale_of, upscale
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
    if any(name == shipped for shipped, _ in models.pretrained_names()) or name in models.MODELS:
        return models.from_pretrained(name, 3 if scale is None else scale, device)
    if not Path(name).exists():
        shipped = ", ".join(sorted({shipped for shipped, _ in models.pretrained_names()}))
        raise SettingsError(f"{name}: no such file of weights; networks that come along: {shipped}")
    model = models.load(name, device)
    scale_of(model, scale)
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
            return error
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
        return 1
    return 0


def _threads_within(pool, files):
    """Let threads share one picture; of several, let each thread have its own."""
    return pool if len(files) == 1 else Threads(1)


def _quiet(files):
    return len(files) < 2 or not sys.stderr.isatty()


def _outputs(files, output, scale):
    """Return where each result goes; make the folder where one is meant."""
    if output is not None and len(files) == 1 and output.suffix and not output.is_dir():
        targets = [output]
    else:
        folders = [file.parent if output is None else output for file in files]
        targets = [
            folder / f"{file.stem}_x{scale}{_suffix_for(file)}"
            for folder, file in zip(folders, files, strict=True)
        ]
        if output is not None:
            try:
                output.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SettingsError(
                    f"{output}: the folder cannot be made: {error.strerror or error}"
                ) from error
    for source, target in zip(files, targets, strict=True):
        if target.exists() and target.samefile(source):
            raise SettingsError(f"{target} would replace the picture itself; choose another -o")
    taken = {}
    for source, target in zip(files, targets, strict=True):
        if target in taken:
            raise SettingsError(f"{taken[target]} and {source} would both become {target}")
        taken[target] = source
    return targets


def _suffix_for(file):
    return file.suffix if file.suffix.lower() in WRITE_SUFFIXES else ".png"


def train_command(arguments):
    """Train a network on pictures."""
    config = None
    if arguments.scale is not None:
        config = trainer.TrainConfig(
            upscale_factor=arguments.scale,
            steps=arguments.steps or (1 if arguments.minutes else 20_000),
            model=arguments.model,
            in_channels=arguments.in_channels,
            activation=arguments.activation,
            batch_size=arguments.batch_size,
            patch_size=arguments.patch_size,
            loss=arguments.loss,
            learning_rate=arguments.learning_rate,
            beta2=arguments.beta2,
            schedule=arguments.schedule,
            warmup=arguments.warmup,
            milestones=arguments.milestones,
            gamma=arguments.gamma,
            average_decay=arguments.average,
            initialization=arguments.initialization,
            icnr=not arguments.no_icnr,
            seed=arguments.seed,
        )
    elif not arguments.resume:
        raise SettingsError("which scale? give -s 2, -s 3 or -s 4 (or --resume)")
    if config is not None and not arguments.pictures and not arguments.resume:
        raise SettingsError("train on what? name folders or pictures")
    with _Interruptible() as interrupted:
        result = runs.train(
            arguments.output,
            arguments.pictures,
            config,
            minutes=arguments.minutes,
            validation=arguments.validation or (),
            resume=arguments.resume,
            threads=arguments.threads,
            backend=arguments.device,
            show_progress=not arguments.quiet,
            say=_note,
            should_stop=interrupted,
        )
    step = result.rows[-1]["step"] if result.rows else 0
    if not result.finished:
        _note(f"interrupted; saved. Go on with: minisr train --resume -o {arguments.output}")
        return INTERRUPTED
    last = result.rows[-1] if result.rows else {}
    if last.get("psnr") is not None:
        gain = last["psnr"] - last["bicubic_psnr"]
        print(
            f"step {step}: {last['psnr']:.2f} dB on held-out pictures, "
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
    protocol = protocol_named(arguments.protocol)
    files = find_pictures(arguments.pictures)
    scale = arguments.scale
    methods = {"bicubic": None}
    for name in arguments.model or ["espcn"]:
        if name != "bicubic":
            model = _load_model(name, scale, arguments.device)
            scale = model.upscale_factor
            methods[name] = model
    scale = scale or 3

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
    if arguments.json:
        _write_json(arguments.json, measured, means, scale, protocol.name)
    failures = len(files) - len(measured)
    if failures:
        _note(f"{failures} of {len(files)} pictures skipped")
        return 1
    return 0


def _print_table(measured, means):
    rows = [(file.name, scores) for file, scores in measured.items()] + [("mean", means)]
    first = max(len(name) for name, _ in rows) + 2
    labels = [Path(name).name[:18] for name in means]
    print(f"{'PSNR dB / SSIM':<{first}}" + "".join(f"{label:>20}" for label in labels))
    for name, scores in rows:
        figures = (f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores.values())
        print(f"{name:<{first}}" + "".join(f"{figure:>20}" for figure in figures))


def _write_json(path, measured, means, scale, protocol):
    def plain(scores):
        return {name: {"psnr": s.psnr, "ssim": s.ssim} for name, s in scores.items()}

    report = {
        "minisr": __version__,
        "protocol": protocol,
        "scale": scale,
        "mean": plain(means),
        "pictures": {str(file): plain(scores) for file, scores in measured.items()},
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def demo_command(arguments):
    """Train for a short while on real pictures and compare with bicubic."""
    with _Interruptible() as interrupted:
        finished = demo.run(arguments.output, arguments.seconds, arguments.threads, interrupted)
    if not finished:
        _note("interrupted; saved. Run the demo again to go on")
        return INTERRUPTED
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="minisr", description="Larger pictures by ESPCN, written by hand."
    )
    parser.add_argument("--version", action="version", version=f"minisr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, summary):
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        sub.set_defaults(run=run)
        sub.add_argument(
            "-j", "--threads", type=int, metavar="N", help="threads (default: one a processor)"
        )
        return sub

    def device(sub):
        sub.add_argument("--device", choices=list(BACKENDS), default="cpu", help="what computes")

    sub = command("upscale", upscale_command, "Enlarge pictures.")
    sub.add_argument("pictures", nargs="+", type=Path, metavar="IN", help="pictures and folders")
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="a file, or a folder for NAME_xS.EXT (default: beside each picture)",
    )
    sub.add_argument("-s", "--scale", type=int, metavar="S", help="default: 3, or the weights'")
    sub.add_argument(
        "-m", "--model", default="espcn", help="a network that comes along, or a file of weights"
    )
    device(sub)

    sub = command("train", train_command, "Train a network on pictures.")
    sub.add_argument("pictures", nargs="*", type=Path, metavar="PICTURES", help="and folders")
    sub.add_argument("-s", "--scale", type=int, metavar="S", help="how much larger: 2 to 8")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="a folder")
    sub.add_argument("-m", "--model", default="espcn", choices=list(models.MODELS), help="network")
    length = sub.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="batches (default: 20000)")
    length.add_argument("--minutes", type=float, metavar="T", help="as many steps as take so long")
    sub.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    sub.add_argument(
        "--validation",
        type=Path,
        nargs="+",
        metavar="PICTURES",
        help="measured as it goes (default: one picture in ten is held out)",
    )
    defaults = {
        field.name: field.default for field in trainer.TrainConfig.__dataclass_fields__.values()
    }

    def setting(flag, name, text, **options):
        sub.add_argument(flag, dest=name, default=defaults.get(name), help=text, **options)

    setting("--seed", "seed", "the same seed gives the same weights", type=int)
    setting("--loss", "loss", "what is minimised", choices=trainer.LOSSES)
    setting("--learning-rate", "learning_rate", "at its highest", type=float)
    setting("--beta2", "beta2", "decay of Adam's second moment", type=float)
    setting("--schedule", "schedule", "how it falls", choices=trainer.SCHEDULES)
    setting("--warmup", "warmup", "steps of its rise (cosine)", type=int)
    setting("--milestones", "milestones", "epochs (multistep)", type=int, nargs="+")
    setting("--gamma", "gamma", "factor at a milestone (multistep)", type=float)
    setting("--batch-size", "batch_size", "patches a step", type=int)
    setting("--patch-size", "patch_size", "low-resolution pixels a side", type=int)
    setting("--in-channels", "in_channels", "1 luma, 3 RGB", type=int, choices=(1, 3))
    setting("--activation", "activation", "between layers", choices=("tanh", "relu"))
    setting("--initialization", "initialization", "of the weights", choices=METHODS)
    sub.add_argument("--no-icnr", action="store_true", help="start with a checkerboard")
    sub.add_argument(
        "--average",
        type=float,
        default=defaults["average_decay"],
        metavar="DECAY",
        help="of the moving average of the weights",
    )
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    device(sub)

    sub = command("evaluate", evaluate_command, "Measure networks and bicubic on pictures.")
    sub.add_argument("pictures", nargs="+", type=Path, metavar="PICTURES", help="and folders")
    sub.add_argument("-s", "--scale", type=int, metavar="S", help="default: 3, or the weights'")
    sub.add_argument(
        "-m",
        "--model",
        action="append",
        help="a network that comes along, or a file of weights; may be repeated; "
        "'bicubic' alone measures no network (default: espcn)",
    )
    sub.add_argument("--protocol", choices=list(PROTOCOLS), default="matlab", help="how to measure")
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    device(sub)

    sub = command("demo", demo_command, "Train for 90 seconds on real pictures; compare.")
    sub.add_argument(
        "-o", "--output", type=Path, default=Path("demo-output"), metavar="DIR", help="a folder"
    )
    sub.add_argument("--seconds", type=float, default=90, help="of training")
    return parser
