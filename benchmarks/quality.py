"""The paper's tables of PSNR, with our networks beside its figures, on every set that is there.

Give the folder that `minisr data get` has filled. What is measured here, bicubic included, is
protocol `matlab`; the figures of others are quoted as published.py has them, with a * where one was
recalled, not seen in print. It prints Markdown.
"""

from pathlib import Path

from measure import describe, environment, markdown, parser, write_json
from published import FIGURES, PAPER, SETS
from tqdm import tqdm

from minisr import models
from minisr.errors import PictureError
from minisr.evaluation.evaluate import as_trained, evaluate_picture, mean
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import find_pictures
from minisr.models.bundled import FOLDER as BUNDLED
from minisr.system import tensor_files
from minisr.system.threads import Threads

# Our name: the paper's name, and where the pictures may lie, {scale} being that. BSD100, as all the
# field calls it, is BSDS300's test folder, and the same 100 pictures are BSDS500's val folder.
FOLDERS = {
    "Set5": ("Set5", ["Set5"]),
    "Set14": ("Set14", ["Set14"]),
    "BSD100": ("BSD300", ["BSD100-x{scale}", "BSD100", "BSDS500/val"]),
    "BSDS500 test": ("BSD500", ["BSDS500/test"]),
    "Urban100": (None, ["Urban100"]),
}


def folders_at(scale, data):
    """Return the folder and the paper's name of each set that is there."""
    found = {}
    for name, (papers_name, places) in FOLDERS.items():
        there = [data / place.format(scale=scale) for place in places]
        there = [folder for folder in there if folder.is_dir()]
        if there:
            found[name] = there[0], papers_name
    return found


def trained_on(name, scale):
    """Return what a bundled network says that it has learnt from."""
    _, metadata = tensor_files.load(BUNDLED / f"{name}_x{scale}.safetensors")
    return metadata["training"]["pictures"]


def heading(name, scale):
    """Return what a network's column is called."""
    sources = dict.fromkeys(folder.split("/")[0] for folder in trained_on(name, scale))
    return f"minisr {name} ({', '.join(sources)})"


def measure(folder, scale, networks, threads):
    """Return the mean scores by method, how many pictures, and why others were left out."""
    protocol, one = PROTOCOLS["matlab"], Threads(1)
    methods = {"bicubic": None} | networks

    def scores_of(path):
        try:
            return evaluate_picture(path, scale, methods, protocol, one)
        except PictureError as error:
            return error

    files = find_pictures(folder)
    results = list(
        tqdm(threads.imap(scores_of, files), total=len(files), leave=False, disable=None)
    )
    scores = [result for result in results if isinstance(result, dict)]
    skipped = [str(result) for result in results if not isinstance(result, dict)]
    return {name: mean([s[name] for s in scores]) for name in methods}, len(scores), skipped


def published(scale, name):
    """Yield a published method's heading and its figure for a set, as text."""
    for (of, method), (values, seen) in FIGURES.items():
        if of == scale and name in SETS:
            mark = "" if name in seen else "*"
            yield f"{method}, quoted", f"{values[SETS.index(name)]:.2f}{mark}"


def row_of(name, folder, papers_name, scale, networks, learnt_from, threads):
    """Return the row of a set: texts for the table, and the figures as they were measured."""
    means, count, skipped = measure(folder, scale, networks, threads)
    texts = {method: f"{score.psnr:.2f} / {score.ssim:.4f}" for method, score in means.items()}
    for network, learnt in learnt_from.items():
        if any(folder.as_posix().endswith(f"/{each}") for each in learnt):
            texts[network] = "(has learnt from it)"
    for line in skipped:
        print(f"skipped: {line}")
    measured = {method: {"psnr": s.psnr, "ssim": s.ssim} for method, s in means.items()}
    return {
        "set": name,
        "pictures": count,
        "texts": texts | dict(published(scale, papers_name)),
        "measured": measured,
        "skipped": skipped,
    }


def table(rows):
    """Return Markdown: a row a set, PSNR / SSIM where both are known."""
    columns = list(dict.fromkeys(column for row in rows for column in row["texts"]))
    lines = [{"set": f"{row['set']} ({row['pictures']})", **row["texts"]} for row in rows]
    return markdown(lines, ["set", *columns])


def legend():
    """Return what the table's figures are."""
    return (
        "How many pictures a set has is in brackets, and so is what a network has learnt from. "
        f"Measured: protocol matlab, PSNR in dB / SSIM. Quoted: {PAPER}; * recalled."
    )


def main():
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="a folder with Set5, Set14, BSD100, ...")
    arguments = options.parse_args()
    about = environment(arguments, ["numpy", "pillow", "scipy"])
    describe(about)
    missing = [name for name in FOLDERS if name not in folders_at(3, arguments.data)]
    if len(missing) == len(FOLDERS):
        raise SystemExit("no set is there: minisr data get Set5 Set14 -o DIR, then give DIR")
    if missing:
        print(f"left out, not in {arguments.data}: {', '.join(missing)}")
    tables = []
    with Threads(arguments.threads) as threads:
        for scale in [3] if arguments.short or arguments.toy else [2, 3, 4]:
            names = [name for name, bundled in models.pretrained_names() if bundled == scale]
            networks = {
                heading(name, scale): as_trained(models.from_pretrained(name, scale))
                for name in names
            }
            learnt = {heading(name, scale): trained_on(name, scale) for name in names}
            rows = [
                row_of(name, folder, papers_name, scale, networks, learnt, threads)
                for name, (folder, papers_name) in folders_at(scale, arguments.data).items()
            ]
            print(f"\n### x{scale}\n\n{table(rows)}")
            tables.append({"scale": scale, "sets": rows})
    print(f"\n{legend()}")
    if arguments.json:
        report = {"environment": about, "protocol": "matlab", "quoted": PAPER, "tables": tables}
        write_json(arguments.json, report)


if __name__ == "__main__":
    main()
