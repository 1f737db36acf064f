"""``minisr convert``."""

import argparse
from pathlib import Path

from minisr.cli.common import add_command
from minisr.errors import short
from minisr.weights.convert import KEY_STYLES, SUFFIXES, convert
from minisr.weights.formats import LAYOUTS, OPTIONS

ABOUT = """\
Read weights of ESPCN from one kind of file and write another.

IN   minisr's safetensors; safetensors and .npz of tensors alone; .pth, .pt and .pth.tar of
     PyTorch (PyTorch need not be there, and nothing in the file is run); .pb of TensorFlow, as
     OpenCV's dnn_superres has them. Whose network it is, shapes and names tell:
     yjn870, Lornatang, leftthomas, pytorch/examples and its kin, TF-ESPCN, minisr.
OUT  its suffix decides: .safetensors (minisr), .npz (NumPy), .pth or .pt (a state dictionary for
     PyTorch), .onnx (any batch, height and width), .pb (a graph for dnn_superres of OpenCV 4 and
     5.0.0)."""
EXAMPLES = """\
examples:
  minisr convert espcn_x3.pth espcn_x3.safetensors    then: minisr upscale -m espcn_x3.safetensors
  minisr convert ESPCN_x2.pb espcn_x2.pth
  minisr convert model.safetensors model.onnx    for onnxruntime, OpenVINO, cv2.dnn
  minisr convert bare.npz mine.safetensors --activation tanh --output-activation none \\
                 --luma-range studio"""


def convert_command(arguments):
    """Write weights as another kind of file."""
    options = {name: getattr(arguments, name) for name in (*OPTIONS, "layout", "keys")}
    model, origin = convert(arguments.source, arguments.target, **options)
    print(f"{arguments.source}: {_described(model, origin)}")
    print(f"written: {arguments.target}")
    return 0


def _described(model, origin):
    """Return what was recognised, in one line."""
    settings = model.settings
    said = {name: short(origin[name]) for name in ("family", "degradation") if name in origin}
    unsaid = "of unknown origin" if "container" in origin else "minisr"
    words = [said.get("family", unsaid), f"{model.name} x{model.upscale_factor}"]
    words += [f"activation {settings['activation']}"] if "activation" in settings else []
    words += [f"output activation {settings.get('output_activation') or 'none'}"]
    words += [f"luma of {settings['luma_range']} range"] if model.in_channels == 1 else ["RGB"]
    words += [f"small pictures by {said['degradation']}"] if "degradation" in said else []
    return ", ".join(words)


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(commands, "convert", convert_command, "Weights from and for other programs.")
    sub.description, sub.epilog = ABOUT, EXAMPLES
    sub.formatter_class = argparse.RawDescriptionHelpFormatter
    sub.add_argument("source", type=Path, metavar="IN", help="a file of weights")
    sub.add_argument("target", type=Path, metavar="OUT", help=f"one of {' '.join(SUFFIXES)}")
    for name, text in (
        ("activation", "between the convolutions"),
        ("output_activation", "after the last one"),
        ("luma_range", "of pictures in training: studio is MATLAB's 16 to 235, full 0 to 255"),
    ):
        sub.add_argument(
            f"--{name.replace('_', '-')}",
            choices=OPTIONS[name],
            help=f"{text}, if IN does not tell",
        )
    sub.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="nchw",
        help="of ONNX's input: nchw for most, nhwc (and luma of full range) for dnn_superres of "
        "OpenCV after 5.0.0 (default: nchw)",
    )
    sub.add_argument(
        "--keys",
        choices=["minisr", *KEY_STYLES],
        default="minisr",
        help="whose names the tensors of a .pth get (default: minisr)",
    )
