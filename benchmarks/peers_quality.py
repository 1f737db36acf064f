"""The same pictures through OpenCV's ESPCN, through PyTorch with our weights, and through minisr.

By protocol `matlab` all are given the same luma, and each answer is compared with the same
original. The rows of `tf-espcn` and `opencv` are the measures that OpenCV's networks come from:
pictures shrunk without antialiasing, three colours compared. PyTorch's answer must agree with ours
to 1e-5 first, and OpenCV's with that of its file in minisr to one level.

OpenCV's three files (ESPCN_x2.pb, _x3, _x4: fannymonori/TF-ESPCN @ 5c628eca, folder export) are
read by OpenCV's dnn_superres, while that still has the importer, and by minisr itself.
"""

from pathlib import Path

import numpy as np
import torch
from measure import describe, environment, markdown, parser, write_json
from peers import torch_network

from minisr import models, weights
from minisr.errors import MinisrError, PictureError
from minisr.evaluation.evaluate import Score, as_trained, mean, predict_luma
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import find_pictures, read_picture, to_8_bits
from minisr.system.threads import Threads

MEASURES = ("matlab", "tf-espcn", "opencv")
PACKAGES = ["numpy", "torch", "opencv-contrib-python-headless"]


class Ours:
    """A network of minisr."""

    def __init__(self, model, threads):
        self.enlarger, self.threads = as_trained(model), threads

    def luma(self, low):
        """(h, w), uint8 -> (h * scale, w * scale), float32."""
        return predict_luma(self.enlarger, low[None], self.threads)

    def picture(self, low):
        """(h, w, 3), uint8 -> larger, uint8."""
        return self.enlarger.pixels(low, self.threads)


class InTorch:
    """A network of minisr in PyTorch, to be called as ours are."""

    def __init__(self, model):
        self.network = torch_network(model.state_dict(), model.upscale_factor).eval()
        self.upscale_factor = model.upscale_factor
        self.in_channels, self.luma_range = model.in_channels, model.luma_range

    def __call__(self, x):
        """(N, 1, H, W) -> (N, 1, H * scale, W * scale)."""
        with torch.inference_mode():
            return self.network(torch.from_numpy(x)).numpy()


class InOpenCV:
    """A file of OpenCV's dnn_superres."""

    def __init__(self, path, scale):
        import cv2

        self.network = cv2.dnn_superres.DnnSuperResImpl_create()
        self.network.readModel(str(path))
        self.network.setModel("espcn", scale)

    def luma(self, low):
        """Give it a grey picture: its luma is the values themselves, and so is the answer's."""
        grey = np.ascontiguousarray(np.repeat(low[..., None], 3, axis=2))
        return self.network.upsample(grey)[..., 1]

    def picture(self, low):
        """OpenCV's colours are B, G, R."""
        return self.network.upsample(np.ascontiguousarray(low[..., ::-1]))[..., ::-1]


def methods_at(scale, files, threads):
    """Return the methods by name; OpenCV's file by whoever can read it."""
    model = models.from_pretrained("espcn", scale)
    methods = {"minisr, our weights": Ours(model, threads)}
    # Its pictures get their chroma as ours do.
    methods["PyTorch, our weights"] = Ours(InTorch(model), threads)
    path = files / f"ESPCN_x{scale}.pb"
    if not path.exists():
        print(f"left out: OpenCV's ESPCN, since {path} is not there")
        return methods
    try:
        methods["OpenCV's ESPCN in OpenCV"] = InOpenCV(path, scale)
    except Exception as error:  # no such module, or no such importer any more
        reason = " ".join(str(error).split())[:100]
        print(f"OpenCV does not read {path.name}: {type(error).__name__}: {reason}")
    try:
        methods["OpenCV's ESPCN in minisr"] = Ours(weights.load(path), threads)
    except MinisrError as error:
        print(f"minisr does not read {path.name}: {error}")
    return methods


def check(methods):
    """Raise unless PyTorch's answer is ours, and OpenCV's file means the same to both readers."""
    low = np.random.default_rng(0).integers(0, 256, (40, 51), dtype=np.uint8)
    answers = {name: method.luma(low) for name, method in methods.items()}
    difference = np.abs(answers["minisr, our weights"] - answers["PyTorch, our weights"]).max()
    assert difference <= 1e-5, f"PyTorch's answer differs by {difference}"
    theirs, ours = (answers.get(f"OpenCV's ESPCN in {who}") for who in ("OpenCV", "minisr"))
    if theirs is not None and ours is not None:
        levels = np.abs(theirs.astype(int) - to_8_bits(ours)).max()
        assert levels <= 1, f"OpenCV's answer differs by {levels} levels"
    return float(difference)


def scores_of(pixels, scale, methods, protocol):
    """Return a picture's scores by method, bicubic first."""
    low, high = protocol.prepare(pixels, scale)
    scores = {"bicubic": Score(*protocol.score(protocol.bicubic(low, scale), high, scale))}
    for name, method in methods.items():
        answer = method.picture(low) if low.ndim == 3 else method.luma(low)
        scores[name] = Score(*protocol.score(answer, high, scale))
    return scores


def rows_at(scale, sets, methods):
    """Yield a row a set and protocol."""
    for name, pictures in sets.items():
        for measure in MEASURES:
            protocol = PROTOCOLS[measure]
            scores = []
            for path, pixels in pictures.items():
                try:
                    scores.append(scores_of(pixels, scale, methods, protocol))
                except PictureError as error:
                    print(f"skipped: {path}: {error}")
            if not scores:
                continue
            means = {name: mean([s[name] for s in scores], protocol) for name in scores[0]}
            figures = {name: {"psnr": s.psnr, "ssim": s.ssim} for name, s in means.items()}
            yield {"set": name, "scale": scale, "protocol": measure, "figures": figures}


def table(rows):
    """Return Markdown: a row a set and protocol, PSNR in dB / SSIM."""
    lines = [
        {"set, protocol": f"{row['set']}, {row['protocol']}"}
        | {name: f"{s['psnr']:.2f} / {s['ssim']:.4f}" for name, s in row["figures"].items()}
        for row in rows
    ]
    return markdown(lines, list(lines[0]))


def main():
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="a folder with Set5 and Set14")
    options.add_argument("--opencv", type=Path, help="of OpenCV's files (DATA/opencv-espcn)")
    arguments = options.parse_args()
    about = environment(arguments, PACKAGES)
    describe(about)
    torch.set_num_threads(arguments.threads)
    names = ["Set5"] if arguments.short or arguments.toy else ["Set5", "Set14"]
    sets = {
        name: {path: read_picture(path).pixels for path in find_pictures(arguments.data / name)}
        for name in names
    }
    rows = []
    with Threads(arguments.threads) as threads:
        for scale in [3] if arguments.toy else [2, 3, 4]:
            methods = methods_at(
                scale, arguments.opencv or arguments.data / "opencv-espcn", threads
            )
            print(f"\nx{scale}; largest difference from PyTorch {check(methods):.1e}")
            rows += rows_at(scale, sets, methods)
            print(table([row for row in rows if row["scale"] == scale]))
    if arguments.json:
        write_json(arguments.json, {"environment": about, "rows": rows})


if __name__ == "__main__":
    main()
