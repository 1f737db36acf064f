"""The plots of benchmarks/: whatever the titles and names are, all of them is to be seen."""

import itertools
import sys
from pathlib import Path

import pytest

figures = pytest.importorskip("matplotlib.figure", reason="needs matplotlib: the extra `demo`")

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
sys.path.insert(0, FOLDER)
import measure  # noqa: E402

sys.path.remove(FOLDER)

LONG = (
    "espcn, 640 x 360 to 1920 x 1080, a clip of 100 frames, and more words than there is room for"
)


@pytest.mark.parametrize("panels", [1, 3])
def test_no_title_and_no_name_is_cut_off(panels, tmp_path, monkeypatch):
    drawn, plain = [], figures.Figure.savefig
    monkeypatch.setattr(
        *(figures.Figure, "savefig"),
        lambda figure, *words, **options: (drawn.append(figure), plain(figure, *words, **options)),
    )
    bars = [("minisr without encoder, all threads in a frame", 58.6, "58.6"), ("x", 125, "125.1")]
    groups = {f"{number} {LONG}": bars for number in range(panels)}
    measure.plot_bars(tmp_path / "plot.png", 3 * LONG, groups, "frames/s")
    (figure,) = drawn
    assert (tmp_path / "plot.png").stat().st_size > 1000
    figure.draw_without_rendering()
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert [" ".join(title.split()) for title in titles] == [3 * LONG, *groups]
    texts = [axes.title for axes in figure.axes]
    texts += [label for axes in figure.axes for label in axes.get_yticklabels()]
    boxes = [text.get_window_extent() for text in texts]
    boxes.append(figure.get_tightbbox().transformed(figure.dpi_scale_trans))
    for box in boxes:
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.width + 1
    places = sorted((axes.title.get_window_extent() for axes in figure.axes), key=lambda b: b.x0)
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(places))
