"""The report in headless Chromium: user input changes what is painted."""

import io
import shutil

import numpy as np
import pytest
from picture_kinds import srgb_profile, wide_profile

from minisr.evaluation.report import Method, make_section, write_report

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright, from the extra `test`"
)
Image = pytest.importorskip("PIL.Image")
ImageCms = pytest.importorskip("PIL.ImageCms")

HEIGHT, WIDTH = 60, 80
RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)
HOSTILE = '<img src=x onerror="window.hurt=1">\'</noscript><script>window.hurt=1</script>.png'


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"needs one of {', '.join(names)} on the path")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


def constant(colour):
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def quarters():
    """Return a black picture whose lower right quarter is chequered, in squares of five pixels."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rows, columns = np.mgrid[: HEIGHT // 2, : WIDTH // 2]
    picture[HEIGHT // 2 :, WIDTH // 2 :] = 255 * ((rows // 5 + columns // 5) % 2)[..., None]
    return picture


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return a report: bicubic is red, the network is blue, the original is green."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    figures = {"bicubic": (20.0, 0.5), HOSTILE: (21.0, 0.6)}
    sections = [
        make_section(
            HOSTILE, {"bicubic": constant(RED), HOSTILE: constant(BLUE)}, constant(GREEN), figures
        )
    ]
    sections += [
        make_section(
            f"{k}.png", {"bicubic": quarters(), HOSTILE: constant(BLUE)}, constant(GREEN), figures
        )
        for k in range(12)
    ]
    methods = [
        Method("bicubic", "MATLAB's imresize", 20.0, 0.5, 1.0),
        Method(
            *(HOSTILE, HOSTILE, 21.0, 0.6, 2.0),
            first_layer=np.ones((64, 1, 5, 5)),
            last_layer=np.ones((9, 32, 3, 3)),
            upscale_factor=3,
        ),
    ]
    about = [("Scale", "x3"), ("Protocol", "matlab: " + "a long description " * 9)]
    write_report(
        path,
        title="A report",
        methods=methods,
        sections=sections,
        about=about,
        notes=[HOSTILE],
        command="minisr evaluate " + "a-long-folder-name/" * 12,
    )
    return path


@pytest.fixture
def open_page(browser, file):
    """Open the report; at the end, check that there were no network requests and no errors."""
    contexts, requests, errors = [], [], []

    def opened(width=1280, height=900, path=file, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert requests
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert not errors


def at(page, number):
    """Scroll to a picture, and return its locator once it is decoded."""
    article = page.locator(f"#picture-{number}")
    article.evaluate("a => a.scrollIntoView({behavior: 'instant'})")
    page.wait_for_function(  # changes made elsewhere are drawn once the picture is near
        "a => viewers.find((viewer) => viewer.article === a).near", arg=article.element_handle()
    )
    settled(page, article)
    return article


def settled(page, article):
    page.wait_for_function(
        "a => [...a.querySelectorAll('.layer img')].every(i => i.src && i.complete)",
        arg=article.element_handle(),
    )


def painted(page, article):
    """Return a screenshot of the stage as an array (H, W, 3)."""
    settled(page, article)
    shot = article.locator(".stage").screenshot()
    with Image.open(io.BytesIO(shot)) as image:
        return np.asarray(image.convert("RGB"))


def share_of(pixels, colour):
    """Return the share of a colour along a horizontal line above the middle."""
    row = pixels[int(0.45 * len(pixels))].astype(int)
    return (np.abs(row - colour).max(axis=1) < 30).mean()


def stage_box(article):
    return article.locator(".stage").bounding_box()


def middle_of_thumb(article, share):
    box = stage_box(article)
    return box["x"] + share * box["width"], box["y"] + box["height"] - 12 - 22


def test_the_handle_wipes_by_mouse(open_page):
    page = open_page()
    article = at(page, 1)
    assert share_of(painted(page, article), RED) == pytest.approx(
        share_of(painted(page, article), BLUE), abs=0.02
    )
    page.mouse.move(*middle_of_thumb(article, 0.5))
    page.mouse.down()
    page.mouse.move(*middle_of_thumb(article, 0.8), steps=5)
    page.mouse.up()
    pixels = painted(page, article)
    assert share_of(pixels, RED) > 2 * share_of(pixels, BLUE) > 0.1
    assert float(article.locator(".wipe").input_value()) == pytest.approx(80, abs=1.5)


def test_colours_follow_the_profile(open_page, tmp_path):
    profile, colour = wide_profile(), (60, 200, 60)
    wide, srgb = (
        ImageCms.ImageCmsProfile(io.BytesIO(content)) for content in (profile, srgb_profile())
    )
    expected = ImageCms.profileToProfile(Image.fromarray(constant(colour)), wide, srgb)
    expected = np.asarray(expected)[0, 0].astype(int)
    assert np.abs(expected - colour).max() > 20  # else a missing profile would go unnoticed
    section = make_section(
        "p3.png", {"a": constant(colour), "b": constant(colour)}, profile=profile
    )
    write_report(path := tmp_path / "p3.html", title="", methods=[], sections=[section])
    page = open_page(path=path)
    pixels = painted(page, at(page, 1))
    row = pixels[int(0.45 * len(pixels))].astype(int)
    assert (np.abs(row - expected).max(axis=1) <= 3).mean() > 0.7
    assert not (np.abs(row - colour).max(axis=1) <= 3).any()


def test_a_press_on_the_picture_wipes_there(open_page):
    page = open_page()
    article = at(page, 1)
    box = stage_box(article)
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    assert float(article.locator(".wipe").input_value()) == pytest.approx(30, abs=0.5)
    pixels = painted(page, article)
    assert share_of(pixels, BLUE) > 2 * share_of(pixels, RED) > 0.1


def test_the_handle_wipes_by_keys(open_page):
    page = open_page()
    article = at(page, 1)
    article.locator(".wipe").focus()
    page.keyboard.press("Home")
    pixels = painted(page, article)
    assert share_of(pixels, RED) == 0
    before = share_of(pixels, BLUE)
    assert before > 0.5
    page.keyboard.press("End")
    pixels = painted(page, article)
    assert share_of(pixels, BLUE) == 0
    assert share_of(pixels, RED) == pytest.approx(before, abs=0.03)
    page.keyboard.press("ArrowLeft")
    value = float(article.locator(".wipe").input_value())
    assert 90 < value < 100
    assert "bicubic" in article.locator(".wipe").get_attribute("aria-valuetext")


def fingers(page):
    """Return a function that touches the page: ``touch("touchMove", (x, y), ...)``."""
    client = page.context.new_cdp_session(page)

    def touch(kind, *points):
        touches = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    return touch


@pytest.mark.parametrize("where", ["handle", "picture"])
def test_a_finger_wipes(open_page, where):
    page = open_page(390, 844, has_touch=True, is_mobile=True)
    article = at(page, 1)
    box = stage_box(article)
    height = box["y"] + (box["height"] - 34 if where == "handle" else 0.3 * box["height"])
    touch = fingers(page)
    start, end = box["x"] + box["width"] / 2, box["x"] + box["width"] / 4
    touch("touchStart", (start, height))
    for k in range(1, 6):
        touch("touchMove", (start + (end - start) * k / 5, height))
    touch("touchEnd")
    assert float(article.locator(".wipe").input_value()) == pytest.approx(25, abs=2)
    pixels = painted(page, article)
    assert share_of(pixels, BLUE) > 2 * share_of(pixels, RED) > 0.1


def test_two_fingers_zoom_and_then_one_moves(open_page):
    page = open_page(390, 844, has_touch=True, is_mobile=True)
    article = at(page, 2)
    box = stage_box(article)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert not is_movable(article)
    touch = fingers(page)
    touch("touchStart", (x - 30, y), (x + 30, y))
    for apart in (45, 60, 75):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    assert is_movable(article)
    before = shown_at(article)
    assert before["width"] == pytest.approx(2.5 * fit_width(article), rel=0.1)
    touch("touchStart", (x, y))
    for k in range(1, 5):
        touch("touchMove", (x + 10 * k, y + 5 * k))
    touch("touchEnd")
    after = shown_at(article)
    assert after["x"] - before["x"] == pytest.approx(
        40, abs=11
    )  # the first move only starts the drag
    assert after["y"] - before["y"] == pytest.approx(20, abs=6)


def is_movable(article):
    return "movable" in article.locator(".stage").get_attribute("class").split()


def shown_at(article):
    """Return the position and size of the left picture in the stage."""
    image, stage = article.locator(".on-left img").bounding_box(), stage_box(article)
    return image | {"x": image["x"] - stage["x"], "y": image["y"] - stage["y"]}


def fit_width(article):
    """Return the width of the picture when all of it is visible."""
    box = stage_box(article)
    return WIDTH * min(box["width"] / WIDTH, box["height"] / HEIGHT)


def test_zoom_enlarges(open_page):
    page = open_page()
    article = at(page, 2)
    article.locator(".wipe").focus()
    page.keyboard.press("End")  # only bicubic, with its white squares of five pixels
    runs = {}
    for name, zoom in (("1:1", 1), ("2×", 2), ("4×", 4), ("8×", 8)):
        article.get_by_role("button", name=name, exact=True).click()
        pixels = painted(page, article)
        height, width = pixels.shape[:2]
        # A line through the squares, just below and to the right of the picture's centre.
        row = pixels[height // 2 + 2 * zoom, width // 2 : width // 2 + 30 * zoom, 0] > 128
        runs[zoom] = np.flatnonzero(np.diff(row))[:2]
        assert (
            article.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed")
            == "true"
        )
    for zoom, (start, end) in runs.items():
        assert end - start == 5 * zoom
        assert start == pytest.approx(5 * zoom, abs=1)
    article.get_by_role("button", name="Fit", exact=True).click()
    assert shown_at(article)["width"] == pytest.approx(fit_width(article), abs=1)


def test_a_pixel_is_a_sharp_square(open_page):
    page = open_page()
    article = at(page, 2)
    article.locator(".wipe").focus()
    page.keyboard.press("End")
    article.get_by_role("button", name="8×", exact=True).click()
    pixels = painted(page, article)
    height, width = pixels.shape[:2]
    inside = pixels[height // 2 : height // 2 + 100, width // 2 + 30 : width // 2 + 200, 0]
    assert set(np.unique(inside)) == {0, 255}


def test_keys_zoom_and_move_the_picture(open_page):
    page = open_page()
    article = at(page, 2)
    article.locator(".stage").focus()
    fit = shown_at(article)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert shown_at(article)["width"] == pytest.approx(2 * fit["width"], rel=0.01)
    middle = shown_at(article)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert shown_at(article)["x"] == pytest.approx(middle["x"] - 40, abs=1)
    assert shown_at(article)["y"] == pytest.approx(middle["y"] - 40, abs=1)
    for _ in range(60):
        page.keyboard.press("Shift+ArrowLeft")
    assert shown_at(article)["x"] == 0  # not beyond its edge
    page.keyboard.press("-")
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert shown_at(article) == fit
    page.keyboard.press("8")
    assert article.locator("[data-zoom='8']").get_attribute("aria-pressed") == "true"
    page.keyboard.press("0")
    assert shown_at(article) == fit


def test_the_wheel_zooms_around_the_pointer_only_with_ctrl(open_page):
    page = open_page()
    article = at(page, 2)
    box = stage_box(article)
    fit = shown_at(article)
    x, y = 0.7 * box["width"], 0.6 * box["height"]
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function(
        "s => s.classList.contains('movable')", arg=article.locator(".stage").element_handle()
    )
    now = shown_at(article)
    assert now["width"] > 2 * fit["width"]
    for pointer, start, length in ((x, "x", "width"), (y, "y", "height")):
        expected = (pointer - fit[start]) / fit[length]
        assert (pointer - now[start]) / now[length] == pytest.approx(expected, abs=0.01)
    page.mouse.wheel(0, 100)  # without Ctrl the page scrolls
    page.wait_for_function(
        "top => document.querySelector('#picture-2').getBoundingClientRect().top < top - 50", arg=0
    )
    assert shown_at(article)["width"] == now["width"]


def test_dragging_moves_a_picture_larger_than_the_stage(open_page):
    page = open_page()
    article = at(page, 2)
    article.locator("[data-zoom='8']").click()
    page.keyboard.press("+")
    article.locator(".stage").focus()
    for _ in range(2):
        page.keyboard.press("+")
    before, box = shown_at(article), stage_box(article)
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 3
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y - 30, steps=4)
    page.mouse.up()
    assert shown_at(article)["x"] == pytest.approx(before["x"] + 50, abs=1)
    assert shown_at(article)["y"] == pytest.approx(before["y"] - 30, abs=1)
    assert article.locator(".wipe").input_value() == "50"
    moved = shown_at(article)
    page.mouse.move(*middle_of_thumb(article, 0.5))
    page.mouse.down()  # but the handle still wipes
    page.mouse.move(*middle_of_thumb(article, 0.7), steps=5)
    page.mouse.up()
    assert float(article.locator(".wipe").input_value()) == pytest.approx(70, abs=1.5)
    assert shown_at(article) == moved


def test_switching_versions_keeps_position_and_zoom(open_page):
    page = open_page()
    article = at(page, 2)
    article.locator(".stage").focus()
    for key in ("+", "+", "ArrowRight"):
        page.keyboard.press(key)
    before = shown_at(article)
    assert share_of(painted(page, article), GREEN) == 0
    article.locator("select.right").select_option("original")
    assert share_of(painted(page, article), GREEN) > 0.3
    assert share_of(painted(page, article), BLUE) == 0
    assert shown_at(article) == before
    article.locator("select.left").select_option(HOSTILE)
    assert share_of(painted(page, article), BLUE) > 0.3
    article.get_by_role("button", name="Swap").click()
    pixels = painted(page, article)
    assert np.abs(pixels[200, 100].astype(int) - GREEN).max() < 30
    assert shown_at(article) == before


def test_error_maps_are_selected_and_toggled(open_page):
    page = open_page()
    article = at(page, 1)
    white = (255, 255, 255)  # red and green differ by 255 in two channels
    assert share_of(painted(page, article), white) < 0.05
    article.locator("select.right").select_option("error of bicubic")
    assert share_of(painted(page, article), white) > 0.3
    assert article.locator(".maps button").first.get_attribute("aria-pressed") == "true"
    article.locator(".maps button").nth(1).click()
    assert article.locator("select.right").input_value() == f"error of {HOSTILE}"
    article.locator(".maps button").nth(1).click()
    assert share_of(painted(page, article), white) < 0.05


def test_the_same_view_for_all_pictures(open_page):
    page = open_page()
    pressed = "[data-zoom='{}'][aria-pressed='true']"
    first = at(page, 2)
    first.locator("[data-zoom='2']").click()
    second = at(page, 13)
    assert second.locator(pressed.format(0)).count() == 1
    first = at(page, 2)
    first.locator(".together").check()
    assert second.locator(".together").is_checked()
    first.locator("select.right").select_option("original")
    second = at(page, 13)
    assert second.locator(pressed.format(2)).count() == 1
    assert second.locator("select.right").input_value() == "original"
    assert share_of(painted(page, second), GREEN) > 0.05
    second.locator(".together").uncheck()
    second.locator("[data-zoom='1']").click()
    first = at(page, 2)
    assert first.locator(pressed.format(2)).count() == 1


def test_minus_never_enlarges(open_page):
    page = open_page()
    article = at(page, 2)
    article.locator("[data-zoom='1']").click()  # smaller than fit
    article.locator(".stage").focus()
    page.keyboard.press("-")
    assert shown_at(article)["width"] == WIDTH
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert shown_at(article)["width"] == pytest.approx(2 * WIDTH, abs=1)


def test_pictures_far_below_are_loaded_later(open_page):
    page = open_page()
    at(page, 1)
    has = "k => !!document.querySelector(`#picture-${k} .layer img`).src"
    assert page.evaluate(has, 1)
    assert not page.evaluate(has, 13)
    at(page, 13)
    assert page.evaluate(has, 13)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 360])
def test_nothing_is_wider_than_the_window_and_taps_are_large(open_page, width, scheme):
    page = open_page(width, 800, color_scheme=scheme)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, summary, th a, .check, .wipe")]
        .filter(e => e.getClientRects().length)
        .filter(e => e.offsetHeight < 40 || e.offsetWidth < 40).map(e => e.outerHTML)"""
    )
    assert not small
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_hostile_name_runs_nothing(open_page):
    page = open_page()
    article = at(page, 1)
    article.locator("select.left").select_option(HOSTILE)
    article.locator("select.right").select_option(f"error of {HOSTILE}")
    painted(page, article)
    assert page.evaluate("window.hurt") is None
    assert page.locator("img[src='x']").count() == 0
    assert article.locator("h3 bdi").inner_text() == HOSTILE
    assert article.locator(".on-left .caption").inner_text() == f"{HOSTILE} · 21.00 dB"


def test_the_policy_blocks_injected_markup(browser, file):
    page = browser.new_page()
    page.goto(file.as_uri())
    blocked = []
    page.on("console", lambda message: blocked.append(message.text))
    page.evaluate(
        """() => { document.body.insertAdjacentHTML("beforeend",
        '<img src=x onerror="window.hurt=1"><img src="http://127.0.0.1:9/x.png">'); }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.hurt") is None
    assert len([text for text in blocked if "Content Security Policy" in text]) >= 2
    page.close()


def test_the_command_is_copied_or_selected(open_page):
    page = open_page()
    page.locator(".copy").click()
    page.wait_for_function("document.querySelector('.said').textContent")
    said = page.locator(".said").inner_text()
    if "Selected" in said:
        assert page.evaluate("String(getSelection())").startswith("minisr evaluate a-long")
    else:
        assert said == "Copied."
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.locator(".copy").click()
    page.wait_for_function("document.querySelector('.said').textContent.startsWith('Selected')")
    assert page.evaluate("String(getSelection())").startswith("minisr evaluate a-long")


def test_without_scripts_tables_and_pictures_are_there(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("#picture-1 figure img").count() == 5
    assert page.locator("#picture-1 figure").first.is_visible()
    shot = page.locator("#picture-1 figure img").first.screenshot()
    with Image.open(io.BytesIO(shot)) as image:
        assert np.abs(np.asarray(image.convert("RGB"))[20, 20].astype(int) - RED).max() < 30
    assert page.get_by_role("cell", name="20.00").first.is_visible()
    assert not page.locator(".how").is_visible()
    assert not page.locator(".copy").is_visible()


def test_without_an_original_two_versions_are_compared(open_page, tmp_path):
    path = tmp_path / "plain.html"
    section = make_section("holiday.jpg", {"bicubic": constant(RED), "espcn": constant(BLUE)})
    methods = [Method("bicubic"), Method("espcn")]
    write_report(path, title="holiday", methods=methods, sections=[section])
    page = open_page(path=path)
    article = at(page, 1)
    pixels = painted(page, article)
    assert share_of(pixels, RED) == pytest.approx(share_of(pixels, BLUE), abs=0.02)
    assert share_of(pixels, RED) > 0.2
    assert article.locator("select.right").locator("option").count() == 2
    assert not article.locator(".maps button").count()


def test_one_picture_alone_is_still_shown(open_page, tmp_path):
    path = tmp_path / "one.html"
    section = make_section("a.png", {"espcn": constant(RED)})
    write_report(path, title="a", methods=[Method("espcn")], sections=[section])
    page = open_page(path=path)
    assert share_of(painted(page, at(page, 1)), RED) > 0.5


def test_it_prints(open_page):
    page = open_page()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#picture-1 .tools").is_visible()
    assert page.locator("#picture-1 .stage").is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    settled(page, page.locator("#picture-13"))  # never scrolled to
