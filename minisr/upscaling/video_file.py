"""One call that enlarges a video, as `minisr.upscale` does a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.upscaling.enlarger import Enlarger
from minisr.upscaling.video import upscale_video as upscale_through

if TYPE_CHECKING:
    from typing import Any

    from minisr.engine.devices import Device
    from minisr.models.network import Network
    from minisr.system.threads import Threads
    from minisr.types import PathLike


def upscale_video(
    source: PathLike,
    output: PathLike,
    scale: float | None = None,
    model: str | PathLike | Network | None = None,
    threads: Threads | int | None = None,
    *,
    size: tuple[int | None, int | None] | None = None,
    device: str | Device = "cpu",
    **options: Any,
) -> int:
    """Enlarge a video; copy its audio, subtitles, chapters and times.

    Parameters
    ----------
    source, output : path-like
        As ``source`` and ``target`` of `minisr.upscaling.video.upscale_video`.
    scale : float, optional
        Above 1, at most 16; by default 3, or that of the file or network that ``model`` is.
    model : str, path-like or Network, optional
        As of `minisr.upscale`.
    threads : minisr.system.threads.Threads or int, optional
        As there.
    size : (int or None, int or None), optional
        Instead of ``scale``: height and width of the result, of the picture as it is displayed.
    device : str or minisr.engine.devices.Device, optional
        As of `minisr.upscale`.
    **options
        ``progress``, ``note``, and the fields of
        `minisr.upscaling.video.options.VideoOptions`, as there.

    Returns
    -------
    int
        How many frames the video has.

    Raises
    ------
    PictureError
        The source is not a video that can be read, or the result cannot be written.
    SettingsError
        A setting is not possible, or PyAV is not installed (extra ``video``).
    DeviceError
        The device cannot be used.
    """
    enlarger = Enlarger(model, scale, size, device)
    return upscale_through(source, output, enlarger, threads=threads, **options)
