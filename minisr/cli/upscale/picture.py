"""``minisr upscale`` of one picture, as its options say."""

from minisr.cli.common import allowed_by_option
from minisr.upscaling.file import upscale_file


def upscale_picture(arguments, source, target, enlarger, stamp, threads):
    """Enlarge one picture file.

    Parameters
    ----------
    arguments : argparse.Namespace
    source, target
        As of `minisr.upscaling.file.upscale_file`.
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    threads : minisr.system.threads.Threads
        That share the picture.

    Returns
    -------
    minisr.upscaling.file.Upscaled
    """
    with allowed_by_option():
        return upscale_file(
            source,
            target,
            enlarger,
            threads=threads,
            suffix=arguments.extension,
            quality=arguments.quality,
            stamp=stamp,
            allow_large=arguments.allow_large,
        )
