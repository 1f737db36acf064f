"""``minisr upscale`` of one picture, as its options say."""

from minisr.cli.common import allowed_by_option
from minisr.upscaling.file import upscale_file
from minisr.upscaling.picture import bound


def upscaling(arguments, enlarger, stamp, threads):
    """Return a function that takes a source and a target, and returns an `Upscaled`.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger
    stamp : dict of str to str
    threads : minisr.system.threads.Threads
        That share the picture.
    """
    enlarge = bound(enlarger, threads, arguments.colour)

    def upscale(source, target):
        with allowed_by_option():
            return upscale_file(
                source,
                target,
                enlarge,
                suffix=arguments.extension,
                quality=arguments.quality,
                stamp=stamp,
                allow_large=arguments.allow_large,
                halo=enlarger.halo,
            )

    return upscale
