"""``minisr convert``."""

import argparse
from pathlib import Path

from minisr.cli.common import add_command
from minisr.cli.extensions import add_import
from minisr.errors import short
from minisr.weights.convert import KEY_STYLES, SUFFIXES, convert
from minisr.weights.formats import LAYOUTS, OPTIONS

ABOUT = """\
Read a network's weights from one kind of file and write another.

IN   minisr's safetensors; other safetensors and .npz that contain only tensors; PyTorch's .pth,
     .pt and .pth.tar (PyTorch is not needed, and nothing in the file is executed); TensorFlow's
     .pb, as used by OpenCV's dnn_superres. Shapes and names tell whose network it is:
     yjn870, Lornatang, leftthomas, pytorch/examples and its kin, TF-ESPCN, minisr.
OUT  The suffix selects the kind: .safetensors (minisr), .npz (NumPy), .pth or .pt (a state dict
     for PyTorch), .onnx (any batch, height and width), .pb (a graph for dnn_superres of OpenCV 4
     and 5.0.0)."""
EXAMPLES = """\
examples:
  minisr convert espcn_x3.pth espcn_x3.safetensors    then: minisr upscale -m espcn_x3.safetensors
  minisr convert ESPCN_x2.pb espcn_x2.pth
  minisr convert model.safetensors model.onnx    for onnxruntime, OpenVINO, cv2.dnn
  minisr convert bare.npz mine.safetensors --activation tanh --output-activation none \\
                 --luma-range studio"""


def convert_command(arguments):
    """Convert a file of weights and print what was recognised."""
    options = {name: getattr(arguments, name) for name in (*OPTIONS, "layout", "keys")}
    model, origin = convert(arguments.source, arguments.target, **options)
    print(f"{arguments.source}: {_described(model, origin)}")
    print(f"written: {arguments.target}")
    return 0


def _described(model, origin):
    """Describe in one line what was recognised."""
    settings = model.settings
    known = {name: short(origin[name]) for name in ("family", "degradation") if name in origin}
    author = "unknown origin" if "container" in origin else "minisr"
    words = [known.get("family", author), f"{model.name} x{model.upscale_factor}"]
    words += [f"activation {settings['activation']}"] if "activation" in settings else []
    words += [f"output activation {settings.get('output_activation') or 'none'}"]
    words += [f"{settings['luma_range']}-range luma"] if model.in_channels == 1 else ["RGB"]
    words += [f"pictures reduced by {known['degradation']}"] if "degradation" in known else []
    return ", ".join(words)


def add_parser(commands):
    """Describe the command to argparse."""
    sub = add_command(
        commands, "convert", convert_command, "Convert weights from and for other programs."
    )
    sub.description, sub.epilog = ABOUT, EXAMPLES
    sub.formatter_class = argparse.RawDescriptionHelpFormatter
    add_import(sub)
    sub.add_argument("source", type=Path, metavar="IN", help="a file of weights")
    sub.add_argument("target", type=Path, metavar="OUT", help=f"one of {' '.join(SUFFIXES)}")
    for name, text in (
        ("activation", "activation between the convolutions"),
        ("output_activation", "activation after the last convolution"),
        ("luma_range", "luma in training: studio is MATLAB's 16 to 235, full is 0 to 255"),
    ):
        sub.add_argument(
            f"--{name.replace('_', '-')}",
            choices=OPTIONS[name],
            help=f"{text}, if IN does not say",
        )
    sub.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="nchw",
        help="layout of ONNX's input: nchw for most programs, nhwc (with full-range luma) for "
        "dnn_superres of OpenCV after 5.0.0 (default: nchw)",
    )
    sub.add_argument(
        "--keys",
        choices=["minisr", *KEY_STYLES],
        default="minisr",
        help="whose tensor names a .pth gets (default: minisr)",
    )
