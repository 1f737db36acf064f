"""The names and formats of the results of ``minisr upscale``."""

from minisr.cli.upscale.video import is_video, video_suffix
from minisr.errors import PictureError, SettingsError
from minisr.upscaling.batch import targets


def chosen_naming(arguments, enlarger):
    """Return how results are named, by the options.

    Parameters
    ----------
    arguments : argparse.Namespace
    enlarger : minisr.upscaling.enlarger.Enlarger

    Returns
    -------
    minisr.upscaling.batch.targets.Naming
    """
    number = enlarger.label.removeprefix("x")
    ending = f"_{enlarger.label}"
    if arguments.suffix is not None:
        ending = arguments.suffix.replace("{scale}", number)

    def extension_of(path):
        if is_video(path):
            return video_suffix(path, arguments.video_extension)
        return None if arguments.extension else targets.extension_by_content(path)

    return targets.Naming(ending, arguments.extension, extension_of)


def check_extensions(arguments, jobs):
    """Check what follows ``--ext``, and the names of results that the user has chosen.

    Parameters
    ----------
    arguments : argparse.Namespace
    jobs : list of minisr.upscaling.batch.targets.Job

    Raises
    ------
    SettingsError
        No result would have that format.
    PictureError
        A name does not tell its format, or tells another one.
    """
    kinds = {is_video(job.source) for job in jobs}
    for extension, of_videos in ((arguments.extension, False), (arguments.video_extension, True)):
        if extension is not None and kinds == {not of_videos}:
            kind, others = ("video", "pictures") if of_videos else ("picture", "videos")
            raise SettingsError(
                f"--ext {extension[1:]} is a {kind}'s format, but only {others} are given; "
                "leave it out, or choose another"
            )
    for job in jobs:
        if not is_video(job.source):
            targets.check_extension(job.target, arguments.extension)
        elif arguments.video_extension not in (None, job.target.suffix.lower()):
            raise PictureError(
                f"{job.target}: expected a name that ends in {arguments.video_extension}, as --ext "
                "says; leave out --ext, or change -o"
            )
