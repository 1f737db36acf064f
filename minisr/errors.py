"""What minisr raises when it cannot do what was asked: one clear sentence for a person."""


class MinisrError(Exception):
    """Base of every error that minisr raises on purpose; its text is one line for a person."""


class ShapeError(MinisrError, ValueError):
    """An array has the wrong shape or dtype."""


class PictureError(MinisrError, ValueError):
    """A picture, or a folder of pictures, cannot be read, written or used."""


class SettingsError(MinisrError, ValueError):
    """A setting, a name or an option is not one that minisr knows."""


class TrainingError(MinisrError):
    """Training came to nothing."""


class CheckpointError(MinisrError, ValueError):
    """A file of weights or of training state is damaged or belongs to something else."""


class DatasetError(MinisrError):
    """Pictures of a public set cannot be fetched, or are not the ones expected."""


class DeviceError(MinisrError):
    """What was asked to compute cannot: no GPU, no driver, or not the right ones."""


class DeviceMemoryError(DeviceError):
    """A GPU has not enough memory for what it was given."""


def short(error):
    """Return an error's text, tamed where names in a strange file have made it long or odd."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:401])
    return text if len(text) <= 400 else f"{text[:400]}..."
