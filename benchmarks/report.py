"""Put the figures of results/*.json into README.md, between the comments that name them.

    <!-- inference -->
    ... replaced ...
    <!-- end -->

A file that is not there leaves its figures as they are.
"""

import json
import re
from pathlib import Path

import inference
import layers
import scaling
import startup
import training
import upsamplers

FOLDER = Path(__file__).parent


def markdown(rows, columns):
    """Return a table, the first column to the left, the rest to the right."""
    lines = [columns, [":--"] + ["--:"] * (len(columns) - 1)]
    lines += [["-" if row[c] is None else str(row[c]) for c in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine(environment):
    """Return where, when and on which code something was measured."""
    versions = ", ".join(f"{k} {v}" for k, v in environment["versions"].items())
    busy = environment["busy"]
    return (
        f"Measured {environment['date']}: {environment['processor']}, {environment['processors']} "
        f"cores, {environment['threads']} thread{'s' * (environment['threads'] > 1)}; {versions}. "
        f"Processors busy with other work at the start: {busy:.0%}."
    )


def tables(name, report):
    """Yield the paragraphs of one benchmark."""
    if name in ("inference", "training"):
        columns = {"inference": inference.COLUMNS, "training": training.COLUMNS}[name]
        for part in report[{"inference": "pictures", "training": "workloads"}[name]]:
            yield f"**{part['title']}**"
            yield markdown(part["peers"], columns)
            for peer, reason in part["skipped"].items():
                yield f"Skipped: {peer}: {reason}"
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


def main():
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for name in ("inference", "training", "layers", "startup", "scaling", "upsamplers"):
        file = FOLDER / "results" / f"{name}.json"
        if not file.exists():
            continue
        report = json.loads(file.read_text(encoding="utf-8"))
        parts = [f"<!-- {name} -->", machine(report["environment"]), *tables(name, report)]
        parts += [f"![{name}](results/{name}.png)", "<!-- end -->"]
        section = "\n\n".join(parts)
        pattern = rf"<!-- {name} -->.*?<!-- end -->"
        text, count = re.subn(pattern, lambda _, new=section: new, text, flags=re.DOTALL)
        assert count == 1, f"{page} has {count} places for {name}"
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
