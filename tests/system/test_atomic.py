"""Files appear whole, under the name, with the permissions and through the links that are there."""

import os
import stat
import threading

import pytest

from minisr.system.atomic import atomic_path, put_in_place, temporary_beginning

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links are those of POSIX")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def write(path, content="new", like=None):
    with atomic_path(path, like) as temporary:
        temporary.write_text(content)


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_failure_leaves_nothing_and_the_old_file_as_it_was(tmp_path):
    (tmp_path / "file").write_text("old")

    def fail():
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "file").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@posix
@pytest.mark.parametrize(
    ("source", "expected"), [(0o600, 0o600), (0o640, 0o640), (0o666, 0o644), (0o444, 0o444)]
)
def test_a_new_file_has_the_permissions_of_its_source(tmp_path, umask, source, expected):
    model = tmp_path / "source"
    model.write_text("")
    model.chmod(source)
    seen = []
    with atomic_path(tmp_path / "file", model) as temporary:
        seen.append(mode_of(temporary))
        temporary.write_text("new")
    assert mode_of(tmp_path / "file") == expected
    assert not seen[0] & ~(expected | 0o600), "nobody else may read it while it is written, either"


@posix
def test_a_file_that_is_replaced_hands_on_its_permissions(tmp_path, umask):
    (tmp_path / "source").write_text("")
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o606)
    write(tmp_path / "file", like=tmp_path / "source")
    assert mode_of(tmp_path / "file") == 0o606
    assert (tmp_path / "file").read_text() == "new"


@posix
def test_without_a_source_the_umask_decides(tmp_path, umask):
    write(tmp_path / "file")
    assert mode_of(tmp_path / "file") == 0o644


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path, exists):
    (tmp_path / "elsewhere").mkdir()
    if exists:
        (tmp_path / "elsewhere" / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "file").read_text() == "new"
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


@posix
def test_a_pipe_gets_the_content(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join(10)
    assert got == ["new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "ä" * 125 + ".png"])
def test_the_longest_names_have_room_for_a_temporary_one(tmp_path, name):
    write(tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert temporary_beginning(name)[1:] in name


@posix
def test_a_finished_file_is_put_in_place(tmp_path, umask):
    (tmp_path / "source").write_text("")
    (tmp_path / "source").chmod(0o600)
    (tmp_path / "finished").write_text("new")
    put_in_place(tmp_path / "finished", tmp_path / "file", tmp_path / "source")
    assert mode_of(tmp_path / "file") == 0o600
