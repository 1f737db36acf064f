"""Write a card for each file of weights: what it is, what it has learnt from, how good it is.

    python recipes/make_cards.py --data DIR

Nothing on a card is typed in. It comes from the weights and their metadata, from the recipe, from
the log of the training (`logs/NAME.csv`) and, for PSNR and SSIM, from measuring Set5 and Set14 in
DIR. What does not fit together is an error: a recipe that has been changed since, a log of another
run, a start that is not the bundled one.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from string import Template

import minisr
from minisr.datasets import DATASETS
from minisr.errors import CheckpointError, MinisrError
from minisr.evaluation.evaluate import as_trained, evaluate_picture, mean
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import find_pictures
from minisr.models.bundled import FOLDER as BUNDLED
from minisr.system import tensor_files
from minisr.system.atomic import atomic_path
from minisr.system.threads import Threads
from minisr.training import TrainConfig, runs
from minisr.training.plots import plot_curves
from minisr.training.recipes import read_recipe

HERE = Path(__file__).parent
TESTS = ("Set5", "Set14")

CARD = Template("""\
# $name

$network: enlarges $scale times, $parameters parameters, $size bytes.

> $terms

## What it is for

Enlarging photographs whose small version is clean: shrunk by an antialiased bicubic, not much
compressed, not noisy, not blurred otherwise. It is small and fast, and it sharpens what is there.
$channels

It is not for pictures with JPEG blocks, noise or motion blur, which it would sharpen too; not for
scales other than $scale; and it invents nothing: what cannot be read in the small picture cannot be
read in the large one, and no face or number plate should be recognised by it.

## How good it is

$scores

## What it has learnt from

$sets

$held_out

## How it was made

```
minisr data get $names -o data
minisr train recipes/$recipe.toml --data data -o RUN
```

$steps steps in $minutes minutes on $processor, by minisr $version, seed $seed. $start
The same command gives the same bits on the same kind of processor. All settings:

```
$settings
```

![Loss and PSNR as they went]($name.png)

SHA-256 of the file: `$sha256`
""")


def make_card(weights, recipes, logs, output, data=None):
    """Write the card and the curves of a file of weights.

    Parameters
    ----------
    weights : pathlib.Path
        ``NAME.safetensors``.
    recipes, logs, output : pathlib.Path
        Folders with ``NAME.toml`` and with ``NAME.csv``, and the one to write to.
    data : pathlib.Path, optional
        A folder with Set5 and Set14.

    Raises
    ------
    MinisrError
        If something is missing or does not fit.
    """
    name = weights.stem
    model = minisr.load(weights)
    about = tensor_files.load(weights)[1]
    training = about["training"]
    if not training.get("recipe"):
        raise CheckpointError(f"{weights} was not made by a recipe")
    recipe = read_recipe(recipes / f"{training['recipe']}.toml")
    check_recipe(name, recipe, training)
    rows = runs.read_log(logs / f"{name}.csv")
    check_log(logs / f"{name}.csv", rows, training)
    config = training["config"]
    text = CARD.substitute(
        name=name,
        network=model,
        scale=model.upscale_factor,
        parameters=f"{model.parameter_count:,}",
        size=f"{weights.stat().st_size:,}",
        terms=terms_of(training),
        channels="It enlarges the luma; chroma goes through bicubic."
        if model.in_channels == 1
        else "It enlarges all three colours.",
        scores=scores_of(model, data),
        sets=sets_of(training),
        held_out=held_out_of(training, rows),
        names=" ".join(names_of(training)),
        recipe=recipe.name,
        steps=f"{training['steps']:,}",
        minutes=round(rows[-1]["seconds"] / 60),
        processor=" and then ".join(dict.fromkeys(row["processor"] for row in rows)),
        version=about["version"],
        seed=config["seed"],
        start=start_of(training, weights.parent),
        settings="\n".join(f"{key} = {json.dumps(config[key])}" for key in sorted(config)),
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )
    with atomic_path(output / f"{name}.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    if not plot_curves(rows, output / f"{name}.png", f"{name}: {model}"):
        raise MinisrError("matplotlib is not installed: pip install minisr[demo]")


def check_recipe(name, recipe, training):
    """Raise CheckpointError unless the recipe is the one that the weights were made by."""
    # Settings that are younger than the weights have their defaults, which are as it was before.
    made = plain(TrainConfig(**training["config"]))
    now = plain(TrainConfig(**{"steps": made["steps"]} | recipe.settings))
    if recipe.settings.get("epochs") is None:
        now |= {"epochs": None}
    wanted = {
        **now,
        "validation": list(recipe.validation),
        "excluded": list(recipe.exclude),
        "sets": [size_of(each.name, each.shrink, each.above) for each in recipe.pictures],
    }
    had = {
        **made,
        **{key: training[key] for key in ("validation", "excluded")},
        "sets": [
            size_of(each["name"], each.get("shrink", 1), each.get("above", 0))
            for each in training["sets"]
        ],
    }
    for key in sorted(wanted):
        if had.get(key) != wanted[key]:
            raise CheckpointError(
                f"{name} was not made by the recipe {recipe.name} as it is now: "
                f"{key} is {had.get(key)} in the weights, {wanted[key]} in the recipe"
            )
    if training["steps"] != made["steps"]:
        raise CheckpointError(f"{name} is of step {training['steps']} of {made['steps']}")


def plain(config):
    """Return settings as JSON has them."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def size_of(name, shrink, above):
    """Say of which size the pictures of a set were learnt from."""
    smaller = f" (1/{shrink} as large, where the longer side had {above} pixels or more)"
    return name + (smaller if shrink > 1 else "")


def check_log(path, rows, training):
    """Raise CheckpointError unless the log is that of a run of as many steps."""
    if not rows or rows[-1]["step"] != training["steps"]:
        last = rows[-1]["step"] if rows else "none"
        raise CheckpointError(
            f"{path}: the last step is {last}, that of the weights {training['steps']}"
        )


def start_of(training, folder):
    """Say where the first weights came from; raise CheckpointError if those are not there."""
    start = training["start"]
    if start is None:
        return "It began with random weights."
    path = folder / f"{Path(start['weights']).stem}.safetensors"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != start["sha256"]:
        raise CheckpointError(f"{path} is not the file that this network began with")
    left = f", but for {', '.join(start['left'])}" if start["left"] else ""
    return f"It began with the weights of {start['weights']}{left}."


def names_of(training):
    """Return the names of the sets as the catalogue has them."""
    return list(dict.fromkeys(each["name"].split("/")[0] for each in training["sets"]))


def terms_of(training):
    """Return what must be said first: on what terms there are the pictures."""
    names = names_of(training)
    restricted = [name for name in names if "non-commercial" in DATASETS[name].terms]
    if not restricted:
        return f"Trained on pictures of {' and '.join(names)}; their terms are below."
    return (
        f"**Trained on {' and '.join(restricted)} pictures, which are for non-commercial research "
        "and education only.** minisr's licence is that of its code; whether weights inherit the "
        "terms of pictures is not settled, so who has other plans should train on other pictures."
    )


def sets_of(training):
    """Return the table of the sets."""
    lines = ["| set | pictures | terms |", "|---|---|---|"]
    for each in training["sets"]:
        title = size_of(each["name"], each.get("shrink", 1), each.get("above", 0))
        terms = DATASETS[each["name"].split("/")[0]].terms
        lines.append(f"| {title} | {each['pictures']} | {terms} |")
    excluded = ", ".join(training["excluded"])
    tail = f"\n\nLeft out, since a test set shows the same: {excluded}." if excluded else ""
    return "\n".join(lines) + f"{tail}\n\nFingerprint: `{training['fingerprint']}`"


def held_out_of(training, rows):
    """Return what was held out, and how good the network is on it."""
    names = training["validation"]
    if not names:
        return "Nothing was held out."
    folder = names[0].rpartition("/")[0]
    if all(name.rpartition("/")[0] == folder for name in names):
        names = [name.rpartition("/")[2] for name in names]
        among = f" of {folder}"
    else:
        among = ""
    return (
        f"Held out and measured on the way, {len(names)} pictures{among}: {', '.join(names)}. "
        f"On them it has {rows[-1]['psnr']:.2f} dB, bicubic {rows[-1]['bicubic_psnr']:.2f} dB."
    )


def scores_of(model, data):
    """Measure a network and return the table."""
    if data is None:
        return "Not measured: this card was made where Set5 and Set14 were not."
    protocol, methods = PROTOCOLS["matlab"], {"bicubic": None, "network": as_trained(model)}
    lines = [
        "PSNR in dB / SSIM, protocol `matlab`; none of these pictures was learnt from:",
        "",
        "| set | bicubic | this network |",
        "|---|---|---|",
    ]
    with Threads() as threads:
        for name in TESTS:
            scores = [
                evaluate_picture(path, model.upscale_factor, methods, protocol, threads)
                for path in find_pictures(data / name)
            ]
            means = [mean([score[method] for score in scores]) for method in methods]
            cells = " | ".join(f"{each.psnr:.2f} / {each.ssim:.4f}" for each in means)
            lines.append(f"| {name} ({len(scores)}) | {cells} |")
    return "\n".join(lines)


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("weights", nargs="*", type=Path, help="by default the bundled ones")
    options.add_argument("--data", type=Path, metavar="DIR", help="a folder with Set5 and Set14")
    options.add_argument("--recipes", type=Path, default=HERE, metavar="DIR")
    options.add_argument("--logs", type=Path, default=HERE / "logs", metavar="DIR")
    options.add_argument("-o", "--output", type=Path, default=HERE / "cards", metavar="DIR")
    arguments = options.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    failed = 0
    for weights in arguments.weights or sorted(BUNDLED.glob("*.safetensors")):
        try:
            make_card(weights, arguments.recipes, arguments.logs, arguments.output, arguments.data)
            print(arguments.output / f"{weights.stem}.md")
        except MinisrError as error:
            failed += 1
            print(f"make_cards: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
