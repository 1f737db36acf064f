"""How many frames a second a video of 640 x 360 becomes one of 1920 x 1080.

Beside the network alone, frame by frame as in inference.py, and beside ffmpeg's own lanczos with
the same encoder. "without encoder" decodes, enlarges and throws away; what is left to the whole is
what the encoder costs. All take turns, with the same clip, network and number of threads.
"""

import shutil
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
from measure import describe, environment, interleave, parser, plot_bars, print_table, write_json

from minisr import engine
from minisr.system.threads import Threads
from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.video import upscale_video
from minisr.upscaling.video.frame import FrameEnlarger
from minisr.upscaling.video.options import VideoOptions
from minisr.upscaling.video.pipeline import map_in_order, prefetch
from minisr.upscaling.video.plan import make_plan
from minisr.upscaling.video.source import Source

SIZE, TOY, SCALE = (360, 640), (24, 32), 3
CRF = 18
COLUMNS = ["way", "frames/s", "ms a frame", "of network alone"]
NETWORK, ENLARGER, BARE = "network alone", "enlarger alone", "minisr without encoder"
WHOLE, LANCZOS = "minisr, h264 {}", "ffmpeg lanczos, h264 {}"


def make_clip(path, size, frames):
    """Write a clip of something like leaves in the wind: smooth shapes, edges and noise."""
    import av  # not above: the report of what has been measured needs no PyAV

    rng, (height, width) = np.random.default_rng(0), size
    y, x = np.mgrid[:height, :width]
    grain = rng.normal(0, 3, (height, width + 2 * frames))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(25), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for n in range(frames):
            shapes = np.sin((x + 2 * n) / 17 + 3 * np.sin(y / 29)) * np.cos((y - n) / 13)
            luma = 110 + 60 * shapes + 30 * (shapes > 0.4) + grain[:, 2 * n : 2 * n + width]
            planes = [luma.clip(16, 235).astype(np.uint8)]
            planes += [np.full((height // 2, width // 2), level, np.uint8) for level in (110, 140)]
            frame = av.VideoFrame.from_ndarray(
                np.concatenate([plane.reshape(-1, width) for plane in planes]), "yuv420p"
            )
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def ways(clip, size, folder, frames, threads, presets, model="espcn"):
    """Return what is timed: a callable a way, each making all frames."""
    enlarger = Enlarger(model, scale=SCALE)
    network = engine.compile(enlarger.network(SCALE))
    height, width = size
    low = np.random.default_rng(0).random(size, np.float32)
    plan = make_plan(clip, folder / "x.mkv", enlarger, VideoOptions(), threads.count)

    def bare(workers, within):
        make = FrameEnlarger(plan, within)
        decoded = prefetch(Source(clip, plan.info).frames(), 2)
        made = map_in_order(lambda item: make(item[0], item[1]), decoded, workers)
        assert sum(1 for _ in prefetch(made, 2)) == frames

    def whole(preset):
        made = upscale_video(
            *(clip, folder / f"{preset}.mkv", enlarger),
            **{"codec": "h264", "crf": CRF, "preset": preset, "threads": threads},
            **{"overwrite": True, "stamp": "the same"},
        )
        assert made == frames

    def lanczos(preset):
        scaling = f"scale={SCALE * width}:{SCALE * height}:flags=lanczos"
        words = ["-i", str(clip), "-vf", scaling, "-c:v", "libx264", "-preset", preset]
        words += ["-crf", str(CRF), "-threads", str(threads.count), str(folder / "ffmpeg.mkv")]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True)

    found = {
        NETWORK: lambda: [network(low[None, None], threads) for _ in range(frames)],
        ENLARGER: lambda: [enlarger.plane(low, threads) for _ in range(frames)],
        BARE: lambda: bare(threads.count, Threads(1)),
        f"{BARE}, all threads in a frame": lambda: bare(1, threads),
    }
    if not shutil.which("ffmpeg"):
        print("  skipped: ffmpeg, which is not there")
    for preset in presets:
        found[WHOLE.format(preset)] = lambda preset=preset: whole(preset)
        if shutil.which("ffmpeg"):
            found[LANCZOS.format(preset)] = lambda preset=preset: lanczos(preset)
    return found


def summary(times, presets):
    """Yield in words what the table is made for; times are milliseconds a frame, by way."""
    share = times[NETWORK] / times[BARE]
    yield f"without its encoder, minisr has {share:.0%} of the network's frames a second"
    for preset in presets:
        whole, lanczos = times[WHOLE.format(preset)], times.get(LANCZOS.format(preset))
        text = f"the encoder at {preset} costs {whole - times[BARE]:.1f} ms a frame"
        if lanczos is not None:
            text += f"; with it, minisr has {lanczos / whole:.0%} of lanczos' frames a second"
        yield text


def plot(path, report):
    """Draw what was measured, of `main`'s report or the file that it has written."""
    bars = [(row["way"], row["frames/s"], f"{row['frames/s']}") for row in report["rows"]]
    plot_bars(path, "Frames a second", {report["title"]: bars}, "frames/s")


def main():
    options = parser(__doc__)
    options.add_argument("-m", "--model", default="espcn", help="the network (default: espcn)")
    options.add_argument("--frames", type=int, default=100, help="of the clip")
    options.add_argument("--presets", nargs="+", default=["ultrafast"], help="of the encoder")
    options.add_argument("--rounds", type=int, default=5, help="at least")
    arguments = options.parse_args()
    size, frames, seconds, rounds = SIZE, arguments.frames, 1, arguments.rounds
    if arguments.short:
        frames, rounds = min(frames, 40), 3
    if arguments.toy:
        size, frames, seconds = TOY, 3, 0
    height, width = size
    about = environment(arguments, ["numpy", "numba", "av"])
    describe(about)
    with tempfile.TemporaryDirectory() as name, Threads(arguments.threads) as threads:
        folder = Path(name)
        clip = folder / "clip.mp4"
        make_clip(clip, size, frames)
        peers = ways(clip, size, folder, frames, threads, arguments.presets, arguments.model)
        times = interleave(peers, seconds, least=rounds)
    each = {way: 1e3 * median(seconds) / frames for way, seconds in times.items()}
    rows = [
        {
            "way": way,
            "frames/s": round(1e3 / ms, 1),
            "ms a frame": round(ms, 2),
            "of network alone": round(each[NETWORK] / ms, 3),
        }
        for way, ms in each.items()
    ]
    title = f"{arguments.model}, {width} x {height} to {SCALE * width} x {SCALE * height}"
    title += f", a clip of {frames} frames"
    words = list(summary(each, arguments.presets))
    print(f"\n{title}")
    print_table(rows, COLUMNS)
    for line in words:
        print(f"  {line}")
    report = {"environment": about, "title": title, "rows": rows, "summary": words}
    if arguments.json:
        write_json(arguments.json, report)
    if arguments.plot:
        plot(arguments.plot, report)


if __name__ == "__main__":
    main()
