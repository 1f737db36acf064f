"""Load damaged files of weights, in a process that test_formats_mutations.py starts.

``python mutate.py FOLDER COUNT`` takes the files in FOLDER as good ones, makes COUNT damaged files
from them, loads those, and prints the outcome as JSON.
"""

import collections
import io
import json
import random
import resource
import struct
import sys
import time
import zipfile
from pathlib import Path

import minisr

OPTIONS = {"activation": "tanh", "output_activation": "none", "luma_range": "studio"}
MEMORY = 500 << 20
INTERESTING = (0, 1, 127, 128, 255)
# Audit events that Python raises when something is executed, or when code to run is looked for.
FORBIDDEN = ("compile", "exec", "import", "os.", "pickle.", "shutil.", "socket.", "subprocess.")


def flip(content, rng):
    """Flip some bits."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def overwrite(content, rng):
    """Overwrite a few consecutive bytes, or those of a number."""
    at = rng.randrange(len(content))
    length = rng.choice((1, 2, 4, 8, 100))
    number = struct.pack("<q", rng.choice((-1, 0, 1, 2**31 - 1, 2**32, 2**62, rng.getrandbits(40))))
    new = rng.choice((bytes([rng.choice(INTERESTING)]) * length, number[:length]))
    return content[:at] + new + content[at + len(new) :]


def cut(content, rng):
    """Cut off the end of the file, or its beginning."""
    at = rng.randrange(len(content))
    return content[:at] if rng.random() < 0.8 else content[at:]


def drop(content, rng):
    """Drop a piece, or repeat it."""
    start, length = rng.randrange(len(content)), rng.choice((1, 3, 8, 64, 1000))
    piece = content[start : start + length] * rng.choice((0, 2, 50))
    return content[:start] + piece + content[start + length :]


def digits(content, rng):
    """Change a number that is written in decimal digits."""
    places = [at for at, byte in enumerate(content[:4000]) if 48 <= byte <= 57]
    if not places:
        return flip(content, rng)
    at = rng.choice(places)
    return content[:at] + rng.choice((b"9", b"0", b"-", b"99999999", b"1e9")) + content[at + 1 :]


def at_the_start(content, rng):
    """Flip bits in the headers."""
    length = min(len(content), rng.choice((16, 200, 2000)))
    return flip(content[:length], rng) + content[length:]


SWAPS = (
    (b"F32", b"I32"),
    (b"FloatStorage", b"BFloat16Storage"),
    (b"FloatStorage", b"LongStorage"),
    (b"OrderedDict", b"Counter"),
    (b"_rebuild_tensor_v2", b"_rebuild_parameter"),
    (b"<f4", b">f4"),
    (b"<f4", b"|O8"),
    (b"Relu", b"Tanh"),
    (b"Add", b"Mul"),
    (b"espcn", b"srcnn"),
    (b"tanh", b"relu"),
)


def swap(content, rng):
    """Replace a word of the format by another."""
    there = [pair for pair in SWAPS if pair[0] in content]
    if not there:
        return flip(content, rng)
    word, other = rng.choice(there)
    return content.replace(word, other, rng.choice((1, 2, -1)))


MUTATIONS = (flip, overwrite, cut, drop, digits, at_the_start, swap)


def damage(content, other, rng):
    """Return a damaged file; inside an archive, the checksums are made right again."""
    kind = rng.random()
    if kind < 0.1:  # swapped headers
        at = rng.choice((4, 8, 16, 100, 1000))
        return other[:at] + content[at:]
    mutation = rng.choice(MUTATIONS)
    if content[:2] == b"PK" and kind < 0.7:
        return repacked(content, mutation, rng)
    return mutation(content, rng)


def repacked(content, mutation, rng):
    """Damage one member of an archive, most often the first, which describes the others."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(target, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as out,
    ):
        names = source.namelist()
        victim = names[0] if rng.random() < 0.7 else rng.choice(names)
        for name in names:
            member = source.read(name)
            out.writestr(name, mutation(member, rng) if name == victim and member else member)
        comment = source.comment
        out.comment = mutation(comment, rng)[:65535] if comment and rng.random() < 0.2 else comment
    return target.getvalue()


def main(folder, count):
    files = sorted(Path(folder).iterdir())
    contents = [file.read_bytes() for file in files]
    path = Path(folder) / "damaged"
    kinds = collections.Counter()
    for file in files:  # import everything before the audit starts
        try:
            minisr.load(file)
        except minisr.MinisrError as error:
            kinds[f"before damage, {type(error).__name__}"] += 1
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))

    alarms, watching = [], False

    def watch(event, arguments):
        if watching and event.startswith(FORBIDDEN):
            alarms.append(f"{event} {arguments!r:.100}")

    sys.addaudithook(watch)
    faults, slowest, longest = [], 0.0, 0
    for number in range(count):
        rng = random.Random(number)
        content = contents[number % len(contents)]
        path.write_bytes(damage(content, rng.choice(contents), rng))
        options = rng.choice(({}, OPTIONS))
        began = time.process_time()
        watching = True
        try:
            model = minisr.load(path, **options)
            kinds["loaded"] += 1
            assert all(p.value.ndim in (1, 4) for p in model.parameters)
        except minisr.MinisrError as error:
            kinds[type(error).__name__] += 1
            longest = max(longest, len(str(error)))
            if not str(error).startswith(str(path)):
                faults.append(f"{number}: the file is not named: {error!r:.300}")
        except BaseException as error:  # anything else is a fault
            faults.append(f"{number}, {files[number % len(files)].name}: {error!r:.300}")
        watching = False
        slowest = max(slowest, time.process_time() - began)
    path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "kinds": kinds,
                "faults": faults[:20],
                "alarms": alarms[:20],
                "slowest": slowest,
                "longest message": longest,
                "peak MiB": peak >> 10,
                "files": len(files),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
