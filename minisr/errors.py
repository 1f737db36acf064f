"""The errors that minisr raises, and its warnings. Each message is one clear sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class MinisrError(Exception):
    """Base class of every error that minisr raises on purpose. The message is one line."""


class ShapeError(MinisrError, ValueError):
    """An array has the wrong shape or dtype."""


class PictureError(MinisrError, ValueError):
    """A picture, or a folder of pictures, cannot be read, written or used."""


class SettingsError(MinisrError, ValueError):
    """A setting, a name or an option is not one that minisr knows."""


class TrainingError(MinisrError):
    """Training cannot go on."""


class CheckpointError(MinisrError, ValueError):
    """A file of weights or of training state is damaged, or belongs to something else."""


class DatasetError(MinisrError):
    """Pictures of a public dataset cannot be fetched, or are not the expected ones."""


class DeviceError(MinisrError):
    """The requested device cannot compute: no GPU, no driver, or an unsupported one."""


class DeviceMemoryError(DeviceError):
    """A GPU has too little memory for its task."""


class MinisrWarning(UserWarning):
    """Base category of every warning that minisr gives. The message is one line."""


class PictureWarning(MinisrWarning):
    """Something in a picture was converted, or could not be kept."""


class CompileCacheWarning(MinisrWarning):
    """Compiled code cannot be kept, so that it will be compiled again."""


def short(error: Any) -> Any:
    """Return an error's text, printable and at most 400 characters; strange files quote names."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:401])
    return text if len(text) <= 400 else f"{text[:400]}..."
