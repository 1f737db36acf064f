"""The report at the end of ``minisr upscale``: what failed, what was done already, what is left."""

from minisr.cli.common import INTERRUPTED, note
from minisr.cli.upscale.video import is_video
from minisr.upscaling.batch.running import State


def report_outcomes(outcomes, faults, resumes):
    """Report what was not made; return the exit status.

    Parameters
    ----------
    outcomes : list of minisr.upscaling.batch.running.Outcome
    faults : list of MinisrError
        Of files that could not be found.
    resumes : bool
        Whether the same command, given again, would only do the rest.

    Returns
    -------
    int
        0 all done, 1 some failed, 2 all failed, 130 interrupted.

    Raises
    ------
    MinisrError
        Why it failed, if there was only one file.
    """
    failed = [outcome.value for outcome in outcomes if outcome.state is State.FAILED]
    faults = [*faults, *failed]
    total = len(outcomes) + len(faults) - len(failed)
    if total == 1 and faults:
        raise faults[0]
    for fault in faults:
        note(f"error: {fault}")
    if faults:
        videos = any(is_video(outcome.job.source) for outcome in outcomes)
        note(f"{len(faults)} of {total} {'files' if videos else 'pictures'} failed")
    _report_done_before(outcomes, total)
    left = sum(outcome.state is State.NOT_BEGUN for outcome in outcomes)
    if left:
        how = "; the same command continues from there" if resumes else ""
        note(f"interrupted: {left} of {total} are left{how}")
        return INTERRUPTED
    return 0 if not faults else 2 if len(faults) == total else 1


def _report_done_before(outcomes, total):
    before = [outcome.job for outcome in outcomes if outcome.state is State.DONE_BEFORE]
    if before and total == 1:
        note(f"{before[0].target}: is done already; --overwrite makes it again")
    elif before:
        note(f"{len(before)} of {total} were done already; --overwrite makes them again")
