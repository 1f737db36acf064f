"""An error of a library on one line."""


def one_line(error):
    """Return an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__
