"""Low-resolution pictures of others: found by the names that public sets give them."""

import pytest

from minisr.errors import PictureError
from minisr.evaluation.low_pictures import match_low_pictures


@pytest.mark.parametrize(
    ("original", "low"),
    [("img_001.png", "img_001.bmp"), ("0801.png", "0801x3.png")]
    + [("img_001_SRF_3_HR.png", "img_001_SRF_3_LR.PNG")],
)
@pytest.mark.parametrize("inner", [".", "LRbicx3"])
def test_each_set_has_names_of_its_own(tmp_path, original, low, inner):
    (tmp_path / inner).mkdir(exist_ok=True)
    for name in (low, "other.png", f"{low}.txt"):
        (tmp_path / inner / name).touch()
    found = match_low_pictures([tmp_path / original], tmp_path, 3)
    assert found == {tmp_path / original: tmp_path / inner / low}


def test_a_missing_one_is_named_and_an_original_is_not_its_own(tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    files[0].touch()
    (tmp_path / "bx2.png").touch()
    found = match_low_pictures(files, tmp_path, 2)
    assert found[files[1]] == tmp_path / "bx2.png"
    assert isinstance(found[files[0]], PictureError)
    assert str(found[files[0]]).endswith("looked for a, ax2, a_LR")
    with pytest.raises(PictureError, match=r"none: expected a folder of low-resolution pictures"):
        match_low_pictures(files, tmp_path / "none", 2)
