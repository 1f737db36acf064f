"""``minisr upscale`` of one picture, as its options say."""

from minisr.cli.common import allowed_by_option
from minisr.upscale import bound
from minisr.upscale_file import upscale_file


def upscaling(arguments, enlarger, stamp, threads):
    """Return a function that takes a source and a target, and returns an `Upscaled`.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.scales.Enlarger
    stamp : dict of str to str
    threads : minisr.threads.Threads
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
