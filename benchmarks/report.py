"""Put the figures of results/*.json into README.md, between the comments that name them.

    <!-- inference -->
    ... replaced ...
    <!-- end -->

A file that is not there leaves its figures as they are. A trial (``--toy``) prints what it would
put there, and writes nothing.
"""

import argparse
import json
import re
from pathlib import Path

import engines
import inference
import layers
import peers_quality
import quality
import scaling
import startup
import time_to_quality
import training
import upsamplers
import video
from measure import markdown

FOLDER = Path(__file__).parent
NAMES = (
    *("inference", "inference_thinsr", "training", "engines", "layers", "startup", "scaling"),
    *("upsamplers", "time_to_quality", "quality", "peers_quality", "video", "gpu"),
)


def machine(environment):
    """Return where, when and on which code something was measured."""
    if environment.get("toy"):
        raise ValueError("these figures are of a trial, and mean nothing")
    versions = ", ".join(f"{k} {v}" for k, v in environment["versions"].items())
    busy = environment["busy"]
    return (
        f"Measured {environment['date']}: {environment['processor']}, {environment['processors']} "
        f"cores, {environment['threads']} thread{'s' * (environment['threads'] > 1)}; {versions}. "
        f"Processors busy with other work at the start: {busy:.0%}."
    )


def tables(name, report):
    """Yield the paragraphs of one benchmark."""
    if name == "training" or name.startswith("inference"):
        columns = training.COLUMNS if name == "training" else inference.COLUMNS
        for part in report["workloads" if name == "training" else "pictures"]:
            yield f"**{part['title']}**"
            yield markdown(part["peers"], columns)
            for peer, reason in part["skipped"].items():
                yield f"Skipped: {peer}: {reason}"
    elif name == "engines":
        yield markdown(report["rows"], engines.COLUMNS)
    elif name == "layers":
        yield markdown([row for part in report["layers"] for row in part["peers"]], layers.COLUMNS)
    elif name == "startup":
        yield markdown(report["processes"], startup.COLUMNS)
    elif name == "scaling":
        yield markdown(report["times"], scaling.COLUMNS)
        yield markdown(report["memory"], list(report["memory"][0]))
    elif name == "upsamplers":
        yield f"**{report['title']}**"
        yield markdown(report["costs"], upsamplers.SIZES)
        yield markdown(report["costs"], upsamplers.TIMES)
        yield f"**After {report['steps']} steps of training, {report['pictures']}**"
        yield markdown(report["quality"], upsamplers.QUALITY)
    elif name == "time_to_quality":
        yield f"**{report['title']}**"
        yield markdown(report["finals"], time_to_quality.FINALS)
        yield markdown(report["marks"], list(report["marks"][0]))
        yield time_to_quality.remarks(report)
    elif name == "quality":
        for part in report["tables"]:
            yield f"**x{part['scale']}**"
            yield quality.table(part["sets"])
        yield quality.legend()
    elif name == "video":
        yield f"**{report['title']}**"
        yield markdown(report["rows"], video.COLUMNS)
        yield f"In words: {'; '.join(report['summary'])}."
    elif name == "gpu":
        found = report["hardware"]
        yield (
            f"{found['gpu']}, compute capability {found['capability']}, driver {found['driver']}; "
            f"ceilings measured in the same run: {found['flops'] / 1e12:.1f} TFLOP/s in float32, "
            f"{found['bytes'] / 1e12:.2f} TB/s."
        )
        for part in [*report["pictures"], *report["frames"], *report["steps"]]:
            yield f"**{part['title']}**"
            hidden = ("quartiles_ms", "rounds")
            yield markdown(part["peers"], [key for key in part["peers"][0] if key not in hidden])
            for peer, reason in part["skipped"].items():
                yield f"Skipped: {peer}: {reason}"
    elif name == "peers_quality":
        for scale in dict.fromkeys(row["scale"] for row in report["rows"]):
            yield f"**x{scale}**"
            yield peers_quality.table([row for row in report["rows"] if row["scale"] == scale])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--toy", action="store_true", help="print the figures, write nothing")
    arguments = options.parse_args()
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for name in NAMES:
        file = FOLDER / "results" / f"{name}.json"
        if not file.exists():
            continue
        report = json.loads(file.read_text(encoding="utf-8"))
        parts = [f"<!-- {name} -->", machine(report["environment"]), *tables(name, report)]
        if file.with_suffix(".png").exists():
            parts.append(f"![{name}](results/{name}.png)")
        section = "\n\n".join([*parts, "<!-- end -->"])
        pattern = rf"<!-- {name} -->.*?<!-- end -->"
        text, count = re.subn(pattern, lambda _, new=section: new, text, flags=re.DOTALL)
        assert count == 1, f"{page} has {count} places for {name}"
        if arguments.toy:
            print(section)
    if not arguments.toy:
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
