"""Options for enlarging a video."""

from dataclasses import dataclass

SEGMENT = 240  # frames: an interruption loses at most so many


@dataclass(frozen=True)
class VideoOptions:
    """How a video is encoded, which part of it, and whether an existing file is replaced.

    Attributes
    ----------
    codec : {"h264", "h265", "vp9", "av1", "ffv1"}, optional
        By default h264, or h265 for more than 8 bits; in .webm vp9, or av1 for more than 8 bits.
    crf : int, optional
        Quality: a smaller number means better quality and a larger file. The default suits the
        codec.
    preset : str or int, optional
        Speed, by the encoder's own names or numbers.
    start, duration : float, optional
        In seconds: enlarge only this part. Audio is cut between two packets.
    overwrite : bool, optional
        Whether to replace a target that exists.
    stamp : str, optional
        Identifies the enlarger: interrupted work is resumed only with an equal stamp. By default
        a hash of what the enlarger makes of noise.
    segment : int, optional
        Frames per segment; a finished segment survives an interruption.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | int | None = None
    start: float | None = None
    duration: float | None = None
    overwrite: bool = False
    stamp: str | None = None
    segment: int = SEGMENT
