"""Many files: which to enlarge, where results go, and what is done already."""

import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from minisr.errors import PictureError, SettingsError
from minisr.images.files import Found, find
from minisr.system.atomic import atomic_path
from minisr.system.threads import Threads
from minisr.upscaling.batch import leftovers, manifest, running, space, targets
from minisr.upscaling.batch.manifest import ABSENT, DONE, FOREIGN, OLD, Manifest
from minisr.upscaling.batch.running import Results, State, run_jobs
from minisr.upscaling.batch.targets import Job, Naming


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))


def is_png(path):
    return path.suffix.lower() == ".png"


def names(found, root):
    return [(one.path.relative_to(root).as_posix(), one.folder.as_posix()) for one in found]


# Finding


def test_a_folder_gives_its_visible_pictures_and_recursively_those_below(tmp_path):
    touch(*(tmp_path / name for name in ("b.png", "a.PNG", "c.txt", ".d.png", "sub/deep/e.png")))
    touch(tmp_path / ".hidden" / "f.png")
    found, faults = find([tmp_path], is_png)
    assert names(found, tmp_path) == [("a.PNG", "."), ("b.png", ".")]
    found, more = find([tmp_path], is_png, recursive=True)
    assert names(found, tmp_path)[2:] == [("sub/deep/e.png", "sub/deep")]
    assert faults == more == []


def test_links_to_files_and_folders_are_followed_without_endless_loops(tmp_path):
    touch(tmp_path / "in" / "sub" / "a.png", tmp_path / "elsewhere" / "b.png")
    try:
        (tmp_path / "in" / "link.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    except OSError:
        pytest.skip("links cannot be made here")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "in" / "sub" / "up").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "itself.png").symlink_to(tmp_path / "in" / "itself.png")
    (tmp_path / "in" / "nothing.png").symlink_to(tmp_path / "gone.png")
    found, faults = find([tmp_path / "in"], is_png, recursive=True)
    assert names(found, tmp_path / "in") == [
        *(("link.png", "."), ("other/b.png", "other"), ("sub/a.png", "sub")),
    ]
    assert [str(fault).removeprefix(str(tmp_path)) for fault in faults] == [
        *("/in/itself.png: is a broken link", "/in/nothing.png: is a broken link"),
    ]
    assert "is a broken link" in str(find([tmp_path / "in" / "nothing.png"], is_png)[1][0])


def test_the_folder_of_results_is_not_a_source(tmp_path):
    touch(tmp_path / "a.png", tmp_path / "out" / "a_x2.png")
    found, _ = find([tmp_path], is_png, recursive=True, leave_out=tmp_path / "out")
    assert names(found, tmp_path) == [("a.png", ".")]
    found, _ = find([tmp_path / "out"], is_png, recursive=True, leave_out=tmp_path / "out")
    assert names(found, tmp_path) == [("out/a_x2.png", ".")]  # since it is what was named


def test_patterns_are_expanded_if_the_shell_has_not(tmp_path, monkeypatch):
    touch(*(tmp_path / name for name in ("a1.png", "a2.png", "b.txt", "sub/a3.png", "[x].png")))
    monkeypatch.chdir(tmp_path)
    assert names(find(["a*.png"], is_png)[0], Path()) == [("a1.png", "."), ("a2.png", ".")]
    assert names(find(["**/a?.png"], is_png)[0], Path())[2:] == [("sub/a3.png", ".")]
    assert names(find(["[x].png"], is_png)[0], Path()) == [("[x].png", ".")]  # the file itself
    found, faults = find(["z*.png", "a1.png"], is_png)
    assert len(found) == 1
    assert str(faults[0]) == "z*.png: no file matches this pattern"


def test_missing_files_are_reported_and_the_rest_is_found(tmp_path):
    touch(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    found, faults = find([tmp_path / "no.png", tmp_path / "a.png", tmp_path / "empty"], is_png)
    assert len(found) == 1
    assert "no.png: expected a picture or a folder, found nothing there" in str(faults[0])
    assert "empty: expected a folder of pictures, found none in it" in str(faults[1])


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path, monkeypatch):
    touch(tmp_path / "a.png", tmp_path / "secret" / "b.png")
    plain = Path.iterdir

    def iterdir(folder):  # what a mode of 0 does to all users but root
        if folder.name == "secret":
            raise PermissionError(13, "Permission denied", str(folder))
        return plain(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found, faults = find([tmp_path], is_png, recursive=True)
    assert len(found) == 1
    assert "secret: cannot be listed: Permission denied" in str(faults[0])


def test_a_file_that_the_system_refuses_to_describe_is_reported(tmp_path, monkeypatch):
    touch(tmp_path / "a.png", tmp_path / "closed" / "b.png", tmp_path / "c.png")
    plain = os.stat

    def stat(path, **options):  # what a folder that may not be entered does to all but root
        if "closed" in Path(path).parent.name:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    found, faults = find([tmp_path], is_png, recursive=True)
    assert names(found, tmp_path) == [("a.png", "."), ("c.png", ".")]
    assert [str(fault) for fault in faults] == [f"{tmp_path}/closed/b.png: Permission denied"]
    found, faults = find([tmp_path / "closed" / "b.png", tmp_path / "a.png"], is_png)
    assert len(found) == len(faults) == 1
    found, faults = find(["x" * 300, tmp_path / "a.png"], is_png)
    assert len(found) == len(faults) == 1
    assert "xxx: File name too long" in str(faults[0])


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch):
    touch(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    found, faults = find([""], is_png)
    assert found == []
    assert [str(fault) for fault in faults] == ["expected the name of a file or folder, got ''"]


def test_each_file_is_taken_once(tmp_path):
    touch(tmp_path / "a.png")
    found, _ = find([tmp_path, tmp_path / "a.png", tmp_path / "." / "a.png"], is_png)
    assert found == [Found(tmp_path / "a.png", Path(), named=True)]


# Naming


def found_in(folder, *names):
    return [Found(folder / name, Path(name).parent, named=False) for name in names]


def test_a_tree_is_kept_below_the_folder_of_results(tmp_path):
    jobs = targets.jobs_of(
        found_in(tmp_path, "a.gif", "sub/b.xyz"), f"{tmp_path}/out", Naming("_x3")
    )
    assert [job.name for job in jobs] == ["a_x3.gif", "sub/b_x3.png"]
    assert jobs[1].target == tmp_path / "out" / "sub" / "b_x3.png"


def test_results_of_an_earlier_run_beside_their_sources_are_not_sources(tmp_path):
    found = found_in(tmp_path, "a.png", "a_x2.png", "b_x2.png")
    jobs = targets.jobs_of(found, None, Naming("_x2"))
    assert [job.source.name for job in jobs] == ["a.png", "b_x2.png"]


def test_two_results_with_the_same_name_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"a.png and .*a.jpg would both become .*a_x2.png"):
        targets.jobs_of(found_in(tmp_path, "a.png", "a.jpg"), None, Naming("_x2", ".png"))
    with pytest.raises(SettingsError, match=r"would replace the source .*choose another -o or --s"):
        targets.jobs_of(found_in(tmp_path, "a.png"), None, Naming(""))


# The manifest


def test_the_states_of_a_result(tmp_path):
    key, other = {"source": "1"}, {"source": "2"}
    with Manifest(tmp_path) as book:
        assert book.state("a", key) == ABSENT
        touch(tmp_path / "a")
        assert book.state("a", key) == FOREIGN
        (tmp_path / "b").write_text("result")
        book.finish("b", key)
        assert (book.state("b", key), book.state("b", other)) == (DONE, OLD)
        (tmp_path / "b").write_text("changed by somebody")
        assert book.state("b", key) == FOREIGN
        (tmp_path / "b").unlink()
        assert book.state("b", key) == ABSENT


@pytest.mark.parametrize("was_there", [False, True])
def test_a_result_whose_last_line_is_missing_is_whole_unless_it_was_there_before(
    tmp_path, was_there
):
    key = {"source": "1"}
    with Manifest(tmp_path) as book:
        if was_there:
            (tmp_path / "a").write_text("old")
        book.begin("a", key)
        (tmp_path / "a").write_text("whole")
    with Manifest(tmp_path) as book:
        assert book.state("a", key) == (OLD if was_there else DONE)
        assert book.state("a", {"source": "2"}) == OLD


def test_a_torn_last_line_costs_only_that_line(tmp_path):
    key = {"source": "1"}
    with Manifest(tmp_path) as book:
        for name in ("a", "b"):
            (tmp_path / name).write_text("x")
            book.begin(name, key)
            book.finish(name, key)
    content = book.path.read_bytes()
    of_a = len(b"".join(content.splitlines(keepends=True)[:2]))
    for length in range(0, len(content) + 1, 3):
        book.path.write_bytes(content[:length])
        with Manifest(tmp_path) as again:
            if length >= of_a - 1:
                assert again.state("a", key) == DONE
            again.finish("b", key)
            assert again.state("b", key) == DONE
        assert manifest.read(book.path)[0]["b"] == {"of": key, "bytes": 1}


def test_a_manifest_with_outdated_lines_is_rewritten(tmp_path):
    (tmp_path / "a").write_text("x")
    for _ in range(3):
        with Manifest(tmp_path) as book:
            book.begin("a", {})
            book.finish("a", {})
    with Manifest(tmp_path):
        assert len(book.path.read_bytes().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_manifest_with_strange_lines_is_read_as_far_as_possible(tmp_path):
    lines = [b"[1]", b"{}", b'{"name": 1, "of": {}}', b'{"name": "a", "of": 3}', b"\xff", b""]
    (tmp_path / manifest.NAME).write_bytes(b"\n".join([*lines, b'{"name": "ok", "of": {}}']))
    assert set(manifest.read(tmp_path / manifest.NAME)[0]) == {"ok"}


def test_two_programs_do_not_write_to_the_same_folder(tmp_path):
    pytest.importorskip("fcntl", reason="needs locks on files")
    with Manifest(tmp_path):
        code = "from minisr.upscaling.batch.manifest import Manifest\n"
        code += f"with Manifest({str(tmp_path)!r}): pass"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another minisr is writing to this folder" in done.stderr
    with Manifest(tmp_path):
        pass


# The work


@pytest.fixture
def results(tmp_path):
    with Manifest(tmp_path / "out") as book:
        yield Results(book, {"settings": "s"}, overwrite=False)


@pytest.fixture
def job(tmp_path):
    touch(tmp_path / "in" / "a.png")
    return Job(tmp_path / "in" / "a.png", tmp_path / "out" / "sub" / "a.png", "sub/a.png")


def copy(job):
    shutil.copy(job.source, job.target)
    return "copied"


def outcome_of(job, results, work=copy, **options):
    [outcome] = run_jobs([job], work, results, **options)
    return outcome


def states(job, results):
    """Return the state of a job, and that of the same job right after it."""
    return outcome_of(job, results).state, outcome_of(job, results).state


def test_what_is_done_is_not_done_again_until_its_source_or_a_setting_changes(job, results):
    assert states(job, results) == (State.MADE, State.DONE_BEFORE)
    job.source.write_text("new")
    assert states(job, results) == (State.MADE, State.DONE_BEFORE)
    assert job.target.read_text() == "new"
    other = replace(results, settings={"settings": "other"})
    assert states(job, other) == (State.MADE, State.DONE_BEFORE)
    assert outcome_of(job, replace(other, overwrite=True)).state is State.MADE


def test_files_that_were_not_made_here_are_kept_unless_they_may_be_replaced(job, results):
    touch(job.target)
    before = job.target.read_text()
    for one, said in (
        (job, "exists already, but was not made here or has changed since"),
        (Job(job.source, job.target), "exists already, but does not say that minisr made it"),
        (Job(job.source, job.target, chosen=True), "exists already; --overwrite replaces it"),
    ):
        outcome = outcome_of(one, results)
        assert outcome.state is State.FAILED
        assert said in str(outcome.value)
        assert job.target.read_text() == before
    assert outcome_of(job, replace(results, overwrite=True)).state is State.MADE
    assert job.target.read_text() == job.source.read_text()


def test_a_result_is_done_even_if_killed_before_its_last_line(job, tmp_path):
    class Killed(BaseException):
        pass

    def work_and_die(job):
        copy(job)
        raise Killed

    with Manifest(tmp_path / "out") as book, pytest.raises(Killed):
        outcome_of(job, Results(book, {}, overwrite=False), work_and_die)
    with Manifest(tmp_path / "out") as book:
        assert outcome_of(job, Results(book, {}, overwrite=False)).state is State.DONE_BEFORE


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PictureError("bad"), "a.png: bad"),
        (OSError(28, "No space left on device"), "a.png: No space left on device"),
        (OSError(28, "No space left on device", "/x/y"), "/x/y: No space left on device"),
        (MemoryError(), "a.png: not enough memory"),
    ],
)
def test_an_error_fails_one_job_and_names_it(job, results, error, message):
    def fail(job):
        raise error

    outcome = outcome_of(job, results, fail)
    assert outcome.state is State.FAILED
    assert message in str(outcome.value)
    assert outcome_of(job, results).state is State.MADE  # it does not prevent another try


def test_nothing_is_begun_once_a_stop_is_requested(job, results):
    assert outcome_of(job, results, should_stop=lambda: True).state is State.NOT_BEGUN
    assert not job.target.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_outcomes_come_in_the_order_of_the_jobs_and_each_reaches_the_callback(
    tmp_path, results, count
):
    names = [f"{number}.png" for number in range(20)]
    touch(*(tmp_path / "in" / name for name in names if name != "7.png"))
    jobs = [Job(tmp_path / "in" / name, tmp_path / "out" / name, name) for name in names]
    seen = []
    with Threads(count) as threads:
        outcomes = list(run_jobs(jobs, copy, results, threads=threads, after=seen.append))
    assert [outcome.job for outcome in outcomes] == jobs
    assert {*seen} == {*outcomes}
    assert [outcome.job.name for outcome in outcomes if outcome.state is not State.MADE] == [
        "7.png"
    ]


def test_an_error_that_names_its_file_is_left_as_it_is(job):
    assert str(running.named(PictureError(f"{job.source}: bad"), job)) == f"{job.source}: bad"


# Leftovers and space


def test_only_temporary_files_of_killed_runs_are_removed(tmp_path):
    temporaries = []
    for name in ("a.png", "b\nc.png", "other.png"):
        with pytest.raises(FileNotFoundError), atomic_path(tmp_path / name) as temporary:
            temporaries.append(temporary)
    others = [tmp_path / ".a.png.part", tmp_path / ".a.png.12345678.part2", tmp_path / "a.png"]
    touch(*temporaries, *others)
    targets = [tmp_path / "a.png", tmp_path / "b\nc.png", tmp_path / "no folder" / "d.png"]
    assert leftovers.clear(targets, at_once=False) == 0  # another program may be at work
    long_ago = time.time() - 2 * leftovers.OLD
    os.utime(temporaries[0], (long_ago, long_ago))
    assert leftovers.clear(targets, at_once=False) == 1
    assert leftovers.clear(targets, at_once=True) == 1
    assert sorted(tmp_path.iterdir()) == sorted([temporaries[2], *others])


def test_too_little_disk_space_is_an_error_before_work_begins(tmp_path, monkeypatch):
    touch(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(bytes(1_000_000))
    jobs = [Job(tmp_path / "a.jpg", tmp_path / "not yet" / "there" / "a.png")]
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 5_000_000))
    space.check(jobs, lambda path: 2)
    with pytest.raises(SettingsError, match=r"1 results need some 6.0 MB or more, but only 5.0 MB"):
        space.check(jobs, lambda path: 4)
    assert space.estimate(tmp_path / "gone.png", tmp_path / "a.png", 9) == 0
