"""The report of an evaluation: its contents, its safety against hostile names, and its size.

How the page behaves in use is tested in test_report_in_a_browser.py.
"""

import base64
import hashlib
import io
import math
import re
import threading
from html.parser import HTMLParser

import numpy as np
import pytest
from picture_kinds import grey_profile, wide_profile

from minisr.errors import PictureError, ShapeError
from minisr.evaluation.comparison import WHITE, error_map
from minisr.evaluation.report import Curve, Method, make_section, write_report
from minisr.evaluation.report.charts import curve_plots, gain_plot, round_axis
from minisr.evaluation.report.encode import encode, encode_lossy, error_colours
from minisr.evaluation.report.filters import first_layer_tiles, last_layer_tiles, transposed_kernel
from minisr.kernels import load, reference
from minisr.layers import PixelShuffle

Image = pytest.importorskip("PIL.Image")

HOSTILE = "<img src=x onerror=alert(1)>\"'`</noscript></script><script>alert(2)</script>&amp;.png"


class Page(HTMLParser):
    """Collects a page's elements, and its text outside style and script."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.text, self.inside = [], "", None
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside not in ("style", "script"):
            self.text += data + " "

    def all(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and wanted.items() <= a.items()]

    def stored(self, **wanted):
        """Return the pictures stored in <noscript>, as attributes and arrays."""
        found = []
        for k, (tag, attributes) in enumerate(self.elements):
            if tag == "noscript" and wanted.items() <= attributes.items():
                source = next(a["src"] for t, a in self.elements[k:] if t == "img")
                found.append((attributes, decode(source)))
        return found


def decode(url):
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image)


def noisy(rng, shape, original=None):
    original = rng.integers(0, 256, shape) if original is None else original
    return np.clip(original + rng.integers(-30, 31, shape), 0, 255).astype(np.uint8)


def one_picture(rng, shape=(20, 31, 3), name="a.png"):
    original = noisy(rng, shape)
    versions = {m: noisy(rng, shape, original) for m in ("bicubic", "espcn")}
    figures = {"bicubic": (27.5, 0.77), "espcn": (29.0, 0.81)}
    return make_section(name, versions, original, figures), versions, original


METHODS = (
    Method("bicubic", "MATLAB's imresize", 27.54, 0.7735, 1.25),
    Method("espcn", "ESPCN(x3)", 29.09, 0.8169, 0.31),
)


@pytest.fixture
def report(tmp_path):
    def write(sections, methods=METHODS, **options):
        options = {"title": "A report"} | options
        write_report(tmp_path / "report.html", methods=methods, sections=sections, **options)
        return Page(tmp_path / "report.html")

    return write


def test_the_parts_come_in_order(report, rng):
    network = Method(
        *("espcn", "ESPCN(x3)", 29.09, 0.8169, 0.31),
        first_layer=rng.standard_normal((4, 1, 5, 5)),
        last_layer=rng.standard_normal((9, 3, 3, 3)),
        upscale_factor=3,
        curve=Curve([0, 10], [None, 28.0], [0.1, 0.01], 27.0),
    )
    page = report(
        [one_picture(rng)[0]],
        (METHODS[0], network),
        command="minisr evaluate Set5/",
        about=[("Scale", "x3")],
        notes=["one was skipped"],
    )
    parts = (
        *("<h1>A report", "Scale", "one was skipped", "27.54", "0.7735", "29.09", "+1.55", "0.31"),
        *("Gain over", "+1.50", "Pictures", "Error maps", "27.50", "Inside", "First layer"),
        *("Last layer", "Training", "bicubic 27.00 dB", "minisr evaluate Set5/"),
    )
    places, start = [], page.source.index("<body>")
    for part in parts:
        start = page.source.find(part, start)
        places.append((part, start))
    assert all(place > 0 for _, place in places), places


def test_pictures_are_stored_exactly(report, rng):
    section, versions, original = one_picture(rng)
    page = report([section])
    for (attributes, pixels), (name, expected) in zip(
        page.stored(**{"data-kind": "version"}), versions.items(), strict=True
    ):
        assert attributes["data-name"] == name
        np.testing.assert_array_equal(pixels, expected)
    ((_, pixels),) = page.stored(**{"data-kind": "original"})
    np.testing.assert_array_equal(pixels, original)
    maps = page.stored(**{"data-kind": "error"})
    assert [a["data-name"] for a, _ in maps] == ["error of bicubic", "error of espcn"]
    for (_, pixels), version in zip(maps, versions.values(), strict=True):
        np.testing.assert_array_equal(pixels, error_colours(version, original))


@pytest.mark.parametrize("shape", [(9, 13), (9, 13, 2), (9, 13, 3), (9, 13, 4)], ids=str)
def test_every_kind_of_picture_is_stored_exactly(report, rng, shape):
    pixels = noisy(rng, shape)
    pixels[0, 0] = 0  # if there is alpha, transparent: its colour must be kept too
    page = report([make_section("a", {"bicubic": pixels}, pixels)])
    (attributes, shown), *_ = page.stored()
    planes = pixels.reshape(9, 13, -1)
    grey = planes.shape[2] < 3
    if planes.shape[2] in (2, 4):
        np.testing.assert_array_equal(shown[..., 3], planes[..., -1])
        planes = planes[..., :-1]
    np.testing.assert_array_equal(shown[..., :3], planes.repeat(3, axis=2) if grey else planes)
    assert ("data-transparent" in attributes) == (shape[2:] in ((2,), (4,)))
    (_, error), *_ = page.stored(**{"data-kind": "error"})
    assert not error.any()


def test_error_maps_match_the_comparison_in_sixteen_steps(rng):
    original = noisy(rng, (40, 50, 3))
    picture = noisy(rng, (40, 50, 3), original)
    error = np.abs(picture.astype(float) - original).mean(axis=2)
    colours = error_colours(picture, original)
    steps = [np.full((1, 1, 3), k / 15 * WHITE) for k in range(16)]
    palette = [error_map(step, np.zeros((1, 1, 3)))[0, 0] for step in steps]
    expected = np.array(palette)[np.floor(np.minimum(error / WHITE, 1) * 15 + 0.5).astype(int)]
    np.testing.assert_array_equal(colours, expected)
    black, grey = np.zeros((1, 1), np.uint8), np.full((1, 1), WHITE, np.uint8)
    assert error_colours(grey, black).tolist() == [[[255, 255, 255]]]
    veil = np.array(
        [[[0, 0, 0, 24]]], np.uint8
    )  # over black it is black, over white 24 levels darker
    assert error_colours(veil, 0 * veil).tolist() == [[palette[4].tolist()]]


def test_colours_behind_full_transparency_are_no_error():
    clear, other = np.zeros((2, 2, 4), np.uint8), np.full((2, 2, 4), 200, np.uint8)
    other[..., 3] = 0
    assert not error_colours(other, clear).any()
    other[..., 3] = 255
    assert error_colours(other, clear).all()  # transparent against opaque: white


def test_without_an_original_there_are_no_figures(report, rng):
    versions = {m.name: noisy(rng, (9, 8, 3)) for m in METHODS}
    methods = [Method("bicubic", seconds=1.0), Method("espcn", seconds=0.5)]
    page = report([make_section("holiday.jpg", versions)], methods)
    assert [a["data-kind"] for a in page.all("noscript")] == ["version", "version"]
    for word in ("PSNR", "SSIM", "Gain", "Error map", "dB"):
        assert word not in page.text
    assert "Seconds" in page.text
    assert page.all("article", **{"class": "picture alone"})


def test_infinite_and_missing_figures_are_shown(report, rng):
    pixels = noisy(rng, (9, 8, 3))
    versions = {"bicubic": pixels, "espcn": pixels, "other": pixels}
    figures = {"bicubic": (30.0, 0.9), "espcn": (math.inf, 1.0), "other": None}
    methods = [
        Method("bicubic", psnr=math.inf, ssim=1.0),
        Method("espcn", psnr=math.inf, ssim=1.0),
        Method("other", psnr=30.0),
    ]
    page = report([make_section("a", versions, pixels, figures)], methods)
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page.source)
    assert "+∞" in cells  # from 30 dB to identical
    assert "−∞" in page.source
    assert "–" in cells
    assert not re.search(r"\b(nan|inf)\b", page.text, re.IGNORECASE)


@pytest.mark.parametrize("hostile", [HOSTILE, "\udcff\x00\n\t\u202e.png", "$title ${x} $"])
def test_a_hostile_name_stays_text(report, rng, hostile):
    honest = report(*hostile_contents(rng, "a name"))
    page = report(*hostile_contents(np.random.default_rng(20160501), hostile))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in honest.elements]
    assert [a.keys() for _, a in page.elements] == [a.keys() for _, a in honest.elements]
    assert page.source.count("</script>") == honest.source.count("</script>") == 1
    assert page.source.count("</noscript>") == len(page.all("noscript"))
    readable = hostile.replace("\udcff", "\\udcff")
    assert [a["data-name"] for a in page.all("noscript")][1] == readable
    assert readable in page.text


def hostile_contents(rng, name):
    pixels = noisy(rng, (9, 8, 3))
    methods = [Method("bicubic", name), Method(name, name, 30.0, first_layer=np.ones((1, 1, 3, 3)))]
    figures = {"bicubic": (30.0, 0.9), name: (31.0, 0.9)}
    section = make_section(name, {"bicubic": pixels, name: pixels}, pixels, figures)
    return [section], methods


def test_nothing_is_loaded_and_only_our_script_runs(report, rng):
    page = report([one_picture(rng)[0]], command="minisr")
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.split(" ", 1) for rule in policy["content"].split("; "))
    for name, tag in (("script-src", "script"), ("style-src", "style")):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
        assert rules.pop(name) == f"'sha256-{digest}'"
    assert rules.pop("img-src") == "data: blob:"
    assert set(rules.values()) == {"'none'"}
    assert "default-src" in rules
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        for key in ("src", "href"):
            assert attributes.get(key, "#").startswith(("#", "data:image/"))


def test_every_link_has_a_target(report, rng):
    page = report([one_picture(rng, name=f"{k}.png")[0] for k in range(3)])
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in page.all("a")]
    assert {link[1:] for link in links} == {"pictures", "picture-1", "picture-2", "picture-3"}
    assert {link[1:] for link in links} <= set(ids)


def test_the_same_contents_give_the_same_bytes(tmp_path, rng):
    contents = []
    for k in range(2):
        section = one_picture(np.random.default_rng(5))[0]
        path = tmp_path / f"{k}.html"
        write_report(path, title="T", methods=METHODS, sections=[section], limit=35_000)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def smooth_section(k, original=True):
    y, x = np.mgrid[:150, :160]
    wave = 120 + 60 * np.sin(x / (7 + k)) + 40 * np.cos(y / 11)
    noise = np.random.default_rng(k).normal(0, 6, (150, 160, 3))
    pixels = np.clip(wave[..., None] + noise, 0, 255).astype(np.uint8)
    other = np.clip(pixels + np.random.default_rng(k + 9).normal(0, 9, pixels.shape), 0, 255)
    versions = {"bicubic": pixels, "espcn": other.astype(np.uint8)}
    return make_section(f"{k}.png", versions, pixels if original else None)


def test_a_page_above_its_limit_becomes_lossy_and_says_so(report, tmp_path):
    sections = [smooth_section(k) for k in range(3)]
    exact = report(sections)
    size = len(exact.source.encode("utf-8"))
    assert "not exact" not in exact.text
    kinds = []
    for share in (0.9, 0.7, 0.5, 0.35, 0.25):
        limit = int(size * share)
        page = report(sections, limit=limit)
        assert (tmp_path / "report.html").stat().st_size <= limit
        assert "Pictures on this page are not exact: they are JPEG of quality" in page.text
        assert f"{limit / 1e6:g} MB" in page.text
        kinds.append(int(re.search(r"of quality (\d+)", page.text).group(1)))
        assert {a["data-type"] for a in page.all("noscript", **{"data-kind": "version"})} == {
            "image/jpeg"
        }
        without_maps = not page.all("noscript", **{"data-kind": "error"})
        assert without_maps == ("Error maps are left out" in page.text)
    assert kinds == sorted(kinds, reverse=True)
    assert len(set(kinds)) > 1


def test_a_page_that_is_still_too_large_shows_the_first_pictures(report, tmp_path):
    sections = [smooth_section(k, original=False) for k in range(4)]
    empty = len(report([]).source.encode("utf-8"))
    smallest = len(encode_lossy(sections[0].pictures[0], 60).data)
    page = report(sections, limit=empty + 8 * smallest)
    assert (tmp_path / "report.html").stat().st_size <= empty + 8 * smallest
    shown = int(re.search(r"Only the first (\d) of 4 pictures are shown", page.text).group(1))
    assert 0 < shown < 4
    assert len(page.all("noscript")) == 2 * shown
    assert len(page.all("article")) == 4
    page = report(sections, limit=10)  # too small even for the page itself, which is written anyway
    assert "Only the first 0 of 4 pictures are shown" in page.text


def test_transparency_survives_lossy_encoding(rng):
    pixels = noisy(rng, (20, 20, 4))
    again = encode_lossy(encode(pixels), 80)
    assert again.mime == "image/webp"
    with Image.open(io.BytesIO(again.data)) as image:
        np.testing.assert_array_equal(np.asarray(image)[..., 3], pixels[..., 3])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_pictures_carry_their_colour_profile(mode, rng):
    profile = grey_profile() if mode in ("L", "LA") else wide_profile()
    shape = (6, 5, len(mode)) if len(mode) > 1 else (6, 5)
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    versions = {"bicubic": pixels, "network": pixels}
    section = make_section("a.png", versions, pixels, profile=profile)
    assert [picture.kind for picture in section.pictures] == [
        *("version", "version", "original", "error", "error"),
    ]
    for picture in section.pictures[:3]:
        for encoded in (picture, encode_lossy(picture, 90)):
            with Image.open(io.BytesIO(encoded.data)) as image:
                assert image.info["icc_profile"] == profile
                assert (len(image.getbands()) < 3) == (mode in ("L", "LA"))  # as the profile is
        with Image.open(io.BytesIO(picture.data)) as image:
            assert (np.asarray(image) == pixels).all()
    for picture in section.pictures[3:]:
        with Image.open(io.BytesIO(picture.data)) as image:
            assert "icc_profile" not in image.info


def test_a_side_too_long_for_webp_becomes_png():
    pixels = np.zeros((1, 16384), np.uint8)
    encoded = encode(pixels)
    assert encoded.mime == "image/png"
    with Image.open(io.BytesIO(encoded.data)) as image:
        assert image.size == (16384, 1)


@pytest.mark.parametrize("count", [0, 1, 5, 14, 100])
def test_any_number_of_pictures(report, count):
    pixels = np.zeros((2, 3), np.uint8)
    versions = {"bicubic": pixels, "espcn": pixels}
    sections = [
        make_section(f"p{k}", versions, pixels, {"bicubic": (30, 0.9), "espcn": (30 + k / 9, 0.9)})
        for k in range(count)
    ]
    page = report(sections)
    assert len(page.all("article")) == count
    marks = page.source.count('class="mark series-0"')
    assert marks == (count + 1 if count else 0)  # plus one in the legend


def test_one_method_has_no_gain(report, rng):
    section = make_section("a", {"bicubic": noisy(rng, (9, 8))}, None, {"bicubic": (30.0, 0.9)})
    page = report([section], [Method("bicubic", psnr=30.0)])
    assert "Gain" not in page.text.replace("gain in dB", "")
    assert 'class="plot' not in page.source


def test_several_threads_make_sections_at_once(rng):
    contents = [{"bicubic": noisy(rng, (30, 40, 3))} for _ in range(8)]
    expected = [make_section(str(k), versions) for k, versions in enumerate(contents)]
    sections = [None] * 8

    def make(k):
        sections[k] = make_section(str(k), contents[k])

    threads = [threading.Thread(target=make, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [s.pictures[0].data for s in sections] == [s.pictures[0].data for s in expected]


def test_incompatible_pictures_are_refused():
    a, b = np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8)
    with pytest.raises(ShapeError, match=r"x.png: .* one shape, got \(4, 5\) and \(5, 4\)"):
        make_section("x.png", {"a": a, "b": b})
    with pytest.raises(ShapeError, match="one shape"):
        make_section("x.png", {"a": a}, b)
    with pytest.raises(PictureError, match=r"x.png: .* at least one version"):
        make_section("x.png", {})
    for wrong in (a.astype(float), a[0], a[:0], np.zeros((4, 5, 5), np.uint8)):
        with pytest.raises(PictureError, match=r"x.png: a report expects uint8 .* got"):
            make_section("x.png", {"a": wrong})


def test_no_partial_file_is_left(tmp_path, rng):
    section = one_picture(rng)[0]
    with pytest.raises(OSError, match="nowhere"):
        write_report(tmp_path / "nowhere" / "r.html", title="", methods=[], sections=[section])
    assert not list(tmp_path.iterdir())


def test_the_first_layer_is_sorted_by_variance_on_one_scale():
    weight = np.zeros((3, 1, 3, 3))
    weight[0, 0, 1, 1] = 0.5
    weight[1, 0] = np.where(np.arange(9) % 2, 1.0, -1.0).reshape(3, 3)
    weight[2] = 0.75  # constant: no variance, but the largest mean
    tiles, variances, largest = first_layer_tiles(weight)
    assert largest == 1
    assert variances[0] > variances[1] > variances[2] == 0
    size = tiles[0].shape[0] // 3
    taps = [tile[size // 2 :: size, size // 2 :: size] for tile in tiles]
    assert taps[0].tolist() == [[0, 255, 0], [255, 0, 255], [0, 255, 0]]
    assert taps[1].tolist() == [[128, 128, 128], [128, 191, 128], [128, 128, 128]]
    assert taps[2].tolist() == [[223] * 3] * 3


def test_three_input_channels_are_colours_and_others_separate_pictures(rng):
    assert [t.shape for t in first_layer_tiles(rng.standard_normal((2, 3, 3, 3)))[0]] == [
        (24, 24, 3)
    ] * 2
    assert len(first_layer_tiles(rng.standard_normal((2, 5, 3, 3)))[0]) == 10
    assert first_layer_tiles(np.zeros((2, 1, 3, 3)))[0][0].tolist() == [[128] * 24] * 24


@pytest.mark.parametrize(("C", "R", "K"), [(1, 3, 3), (3, 2, 5), (2, 4, 1)])
def test_the_interleaved_kernel_is_what_one_unit_adds(rng, C, R, K):
    F, size = 2, 9
    weight = rng.standard_normal((C * R * R, F, K, K))
    kernel = transposed_kernel(weight, R)
    assert kernel.shape == (C, F, R * K, R * K)
    shuffle = PixelShuffle(R, load("reference"))
    for f in range(F):
        x = np.zeros((1, F, size, size))
        x[0, f, 4, 4] = 1
        z = np.empty((1, C * R * R, size, size))
        pad = K // 2
        reference.conv2d_forward(x, weight, np.zeros(C * R * R), (pad,) * 4, z)
        high = shuffle.forward(z)[0][0]
        expected = np.zeros_like(high)
        start = R * (4 - pad)
        expected[:, start : start + R * K, start : start + R * K] = kernel[:, f]
        np.testing.assert_array_equal(high, expected)


def test_the_last_layer_is_shown_before_and_after_the_shuffle(rng):
    weight = rng.uniform(-1, 1, (4, 1, 3, 3))
    ((before, after),), largest = last_layer_tiles(weight, 2)
    size = after.shape[0] // 6
    shades = np.floor((np.clip(weight[:, 0] / largest, -1, 1) + 1) * 127.5 + 0.5)
    # Row 0, column 1 of the 2 x 2 kernels, which dark lines separate.
    corner = before[: 3 * size, -3 * size :][size // 2 :: size, size // 2 :: size]
    np.testing.assert_array_equal(corner, shades[1])
    assert before.shape[0] > after.shape[0]
    assert not before[3 * size].any()
    # Its flipped taps are every second pixel of the interleaved kernel, from row 0, column 1 on.
    whole = after[size // 2 :: size, size // 2 :: size]
    np.testing.assert_array_equal(whole[0::2, 1::2], shades[1][::-1, ::-1])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 2.9, ["0.0", "1.0", "2.0", "3.0"]),
        (-0.3, 0.1, ["−0.3", "−0.2", "−0.1", "0.0", "0.1"]),
        (0, 51702, ["0", "20,000", "40,000", "60,000"]),
    ],
)
def test_axes_start_and_end_at_round_numbers(low, high, ticks):
    axis = round_axis(low, high)
    texts = [text for _, text in axis.ticks]
    assert [t.removesuffix(".0") for t in texts] == [t.removesuffix(".0") for t in ticks]
    assert axis.low <= low
    assert axis.high >= high
    assert axis.place(axis.low) == 0
    assert axis.place(axis.high) == 1
    assert round_axis(2, 2).place(2) == pytest.approx(0.5)


def test_marks_are_placed_by_gain():
    plot = gain_plot(["a", "b"], {"espcn": [2.0, -1.0], "other": [None, math.inf]})
    marks = re.findall(
        r'<svg x="([\d.]+)%" y="([\d.]+)" overflow="visible"><path class="mark series-0"[^>]*>'
        r"<title>(\w)",
        plot,
    )
    zero = float(re.search(r'class="zero" x2="100%" y1="([\d.]+)"', plot).group(1))
    assert [name for *_, name in marks] == ["a", "b"]
    (x_a, y_a), (x_b, y_b) = ((float(x), float(y)) for x, y, _ in marks)
    assert x_a < 50 < x_b
    assert zero - y_a == pytest.approx(2 * (y_b - zero), abs=0.2)
    assert y_a < zero < y_b
    assert gain_plot(["a"], {"espcn": [None]}) == ""


def test_curves_leave_out_missing_numbers():
    curve = Curve([0, 1, 2, 3], [None, 20.0, 29.0, 30.0], [None, 0.5, 0.0, 0.01], 28.0)
    (psnr_name, psnr_plot), (loss_name, loss_plot) = curve_plots(curve)
    assert "PSNR" in psnr_name
    assert "Loss" in loss_name
    lines = [re.search(r'points="([^"]*)"', p).group(1).split() for p in (psnr_plot, loss_plot)]
    assert [len(line) for line in lines] == [3, 2]
    first, last = (float(point.split(",")[1]) for point in (lines[0][0], lines[0][-1]))
    assert first > 1000 > last  # far below bicubic: off the plot, so that the rest is not flattened
    assert "bicubic 28.00 dB" in psnr_plot
    assert "10⁻²" in loss_plot
    assert curve_plots(Curve([], [], [])) == []
