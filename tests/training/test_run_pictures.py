"""The pictures of a run: what cannot be used is named and left out; copies are noticed."""

import numpy as np
import pytest
from PIL import Image
from training_pictures import smooth_picture

from minisr.errors import PictureError
from minisr.images import imresize, write_picture
from minisr.training import runs

SMALL = {"upscale_factor": 2, "batch_size": 2, "patch_size": 8, "threads": 1, "steps": 1}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    for seed in range(4):
        write_picture(path / f"{seed}.png", smooth_picture(seed))
    return path


def said_by(tmp_path, *pictures, **options):
    said = []
    runs.train(tmp_path / "run", pictures, show_progress=False, say=said.append, **SMALL, **options)
    return said


def test_bad_files_among_good_ones_are_named_and_counted(folder, tmp_path):
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:200])
    (folder / "text.png").write_text("no picture")
    clear = np.dstack([smooth_picture(9)] * 3 + [np.full((60, 72), 128, np.uint8)])
    write_picture(folder / "clear.png", clear)
    Image.new("L", (400, 1)).save(folder / "thin.png")
    said = said_by(tmp_path, folder)
    for name in ("broken.png", "text.png", "clear.png", "thin.png"):
        assert any(line.startswith("left out: ") and name in line for line in said)
    assert "4 of 8 pictures left out" in said


def test_a_picture_that_is_too_thin_is_left_out_at_every_scale(folder, tmp_path):
    write_picture(folder / "thin.png", np.zeros((4, 400), np.uint8))
    for scale in (2, 3, 8):
        said = []
        options = SMALL | {"upscale_factor": scale, "patch_size": 4}
        target = tmp_path / f"run {scale}"
        runs.train(target, [folder], show_progress=False, say=said.append, **options)
        assert any("thin.png" in line for line in said)


def test_many_bad_files_are_not_all_named(folder, tmp_path):
    for k in range(9):
        (folder / f"bad{k}.png").write_bytes(b"no picture")
    said = said_by(tmp_path, folder)
    assert len([line for line in said if line.startswith("left out: ")]) == 5
    assert "9 of 13 pictures left out (4 more not named)" in said


def test_nothing_but_bad_files_is_an_error(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"none of the pictures can be used: .*bad\.png"):
        said_by(tmp_path, tmp_path / "bad.png")
    assert not (tmp_path / "run").exists()


def test_16_bits_are_learnt_from_as_8(folder, tmp_path):
    write_picture(folder / "deep.png", smooth_picture(8).astype(np.uint16) * 257)
    assert said_by(tmp_path, folder) == []


@pytest.mark.parametrize("change", ["none", "jpeg", "smaller", "mirrored"])
def test_held_out_pictures_that_are_learnt_from_are_noticed(folder, tmp_path, change):
    picture = smooth_picture(2, 120, 144)
    write_picture(folder / "large.png", picture)
    copy = tmp_path / "copy.png"
    if change == "jpeg":
        copy = tmp_path / "copy.jpg"
        Image.fromarray(picture).save(copy, quality=30)
    else:
        changed = {"none": picture, "smaller": imresize(picture, 0.5), "mirrored": picture[:, ::-1]}
        write_picture(copy, changed[change])
    said = said_by(tmp_path, folder, validation=[copy])
    wanted = [line for line in said if line.startswith(f"{copy.name} is held out, but large.png")]
    assert len(wanted) == (change != "mirrored")


def test_different_pictures_are_no_copies(folder, tmp_path):
    write_picture(tmp_path / "other.png", smooth_picture(77))
    assert said_by(tmp_path, folder, validation=[tmp_path / "other.png"]) == []
