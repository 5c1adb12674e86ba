"""The pages in headless Chromium, as people use them."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
TOKEN = "open sesame, please"
HTML = "<img src=x onerror=window.harmed=1>"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
KEEP_TOKEN = f"sessionStorage.setItem('headstart-token', '{TOKEN}')"
PATIENCE_MS = 60_000  # on a busy machine
TOO_SLOW_MS = 61_000
NOTE_CHOOSER = """() => document.getElementById("files").addEventListener("click", (event) => {
    event.preventDefault();
    document.title = "a file is chosen";
})"""
FOCUSED = "() => document.activeElement.ariaLabel ?? document.activeElement.textContent"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(NAMES)} is here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS
        )
        yield chromium
        chromium.close()


class Visit:
    """A tab, with what went wrong in it."""

    def __init__(self, context: Any, address: str) -> None:
        self.context = context
        self.page = context.new_page()
        self.address = address
        self.wrong: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._listen)
        context.on("request", lambda one: self.hosts.add(urlsplit(one.url).netloc))

    def _listen(self, message: Any) -> None:
        refused = message.text.startswith("Failed to load resource")  # a refusal, told as one
        if message.type in {"error", "warning"} and not refused:
            self.wrong.append(message.text)

    def open(self, path: str = "/") -> Any:
        self.page.goto(self.address + path)
        return self.page


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Any, web: Any) -> Iterator[Open]:
    """``visit(token=True, **context)``: a tab whose troubles are looked at in the end."""
    visits: list[Visit] = []

    def begin(*, token: bool = True, **options: Any) -> Visit:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        if token:
            context.add_init_script(KEEP_TOKEN)
        visits.append(Visit(context, web.address))
        return visits[-1]

    yield begin
    for one in visits:
        harmed = one.page.evaluate("() => window.harmed ?? null")
        one.context.close()
        assert harmed is None
        assert one.wrong == []
        assert {host for host in one.hosts if host} <= {urlsplit(web.address).netloc}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def file(name: str, content: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": content}


def cards(page: Any, *states: str) -> Any:
    return page.locator(", ".join(f'.card[data-state="{state}"]' for state in states))


def choose(page: Any, *files: dict[str, Any]) -> None:
    # Before the page knows its models nothing listens to the (hidden) field.
    expect(page.locator("#choose")).to_be_visible()
    page.locator("#files").set_input_files(list(files))
    expect(cards(page, "ok", "unknown", "error")).to_have_count(len(files))


def test_an_image_is_answered_with_how_good_the_model_is(visit: Open, picture: Any) -> None:
    page = visit().open()
    choose(page, file("a photo.png", png(picture(1))))
    card = cards(page, "ok")
    expect(card.get_by_role("heading")).to_have_text("a photo.png")
    expect(card.locator(".headline")).to_have_text(re.compile(r"class \d\s*\d+\.\d %"))
    expect(card.locator(".bars li")).to_have_count(2)
    expect(page.get_by_role("status").first).to_have_text(re.compile(r"a photo.png: class \d, \d"))
    model = page.get_by_role("region", name="The model")
    expect(model).to_contain_text("90.0 %")
    expect(model).to_contain_text("10 test images")
    expect(model).to_contain_text("80.0 to 95.0 %")


def test_a_bad_file_among_good_ones_says_why(visit: Open, picture: Any, tmp_path: Path) -> None:
    page = visit().open()
    good = [file(f"{n}.png", png(picture(n))) for n in range(3)]
    choose(page, good[0], file("note.png", b"no image"), good[1], good[2])
    expect(cards(page, "ok")).to_have_count(3)
    expect(cards(page, "error")).to_contain_text("Cannot be read")
    expect(cards(page, "error").get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.locator("#summary")).to_have_text("4 images: 3 answered, 1 failed")


def test_names_that_are_html_stay_text_and_formulas_stay_cells(
    visit: Open, picture: Any, tmp_path: Path
) -> None:
    page = visit().open()
    page.get_by_label("Model", exact=True).select_option("unsure")
    choose(page, file(f"{HTML}.png", png(picture(1))), file("=1+1.png", png(picture(2))))
    expect(cards(page, "unknown")).to_have_count(2)
    expect(page.get_by_role("heading", name=f"{HTML}.png")).to_be_visible()
    expect(page.locator("#classes")).to_contain_text(HTML)
    expect(cards(page, "unknown").first).to_contain_text("it answers from 99.9 % on")
    assert page.locator("img[src=x]").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.reader(Path(download.value.path()).read_text().splitlines()))
    assert rows[0][:3] == ["file", "decision", "label"]
    assert {"prob_plain words", f"prob_{HTML}"} <= set(rows[0])
    assert [row[0] for row in rows[1:]] == [f"{HTML}.png", "'=1+1.png"]
    assert all(row[1] == "unknown" for row in rows[1:])
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@" and cell]


def test_another_model_answers_the_same_images_again(visit: Open, picture: Any) -> None:
    page = visit().open()
    choose(page, file("a.png", png(picture(1))))
    page.get_by_label("Model", exact=True).select_option("unsure")
    expect(cards(page, "unknown")).to_have_count(1)
    expect(page.get_by_role("region", name="The model")).to_contain_text("less than 99.9 %")


def test_what_an_answer_rests_on_is_drawn_or_why_not(visit: Open, picture: Any) -> None:
    page = visit().open()
    choose(page, file("a.png", png(picture(1))))
    card = page.locator(".card")
    own = card.locator("img").get_attribute("src")
    card.get_by_role("button", name="Show why").click()
    expect(card.locator(".frame.heat img")).to_have_attribute("alt", re.compile("What speaks for"))
    expect(card.locator(".why")).to_contain_text("Bright: what speaks for class")
    card.get_by_role("button", name="Show the image").click()
    expect(card.locator("img")).to_have_attribute("src", str(own))
    refusal = {"error": {"code": "cannot_explain", "message": "nothing to be seen"}}
    page.route("**/v1/explain", lambda route: route.fulfill(status=422, json=refusal))
    card.get_by_role("button", name="Show why").click()
    card.get_by_label("Class to explain in a.png").select_option(index=2)
    expect(card.locator(".why")).to_contain_text("No map: nothing to be seen.")


def test_a_slow_service_leaves_the_page_usable_and_has_an_end(visit: Open, picture: Any) -> None:
    one = visit()
    one.page.clock.install()
    held: list[Any] = []
    one.page.route("**/v1/predict", lambda route: held.append(route))  # never answered
    page = one.open()
    expect(page.locator("#choose")).to_be_visible()
    page.locator("#files").set_input_files([file(f"{n}.png", png(picture(n))) for n in range(5)])
    expect(cards(page, "working")).to_have_count(4)
    expect(cards(page, "waiting")).to_have_count(1)
    expect(cards(page, "working").first).to_contain_text(re.compile("[Ww]orking"))
    page.clock.fast_forward(6000)
    expect(cards(page, "working").first).to_contain_text("Still working")
    page.get_by_role("button", name="Remove 0.png").click()
    expect(cards(page, "working")).to_have_count(4)
    expect(page.get_by_role("button", name="Remove 1.png")).to_be_focused()
    page.clock.fast_forward(TOO_SLOW_MS)
    expect(cards(page, "error")).to_have_count(4)
    expect(cards(page, "error").first).to_contain_text("no answer in 60 seconds")
    page.unroute("**/v1/predict")
    cards(page, "error").first.get_by_role("button", name="Try again").click()
    expect(cards(page, "ok")).to_have_count(1)


def test_a_busy_service_is_asked_again(visit: Open, picture: Any) -> None:
    page = visit().open()
    left = [503, 503]

    def answer(route: Any) -> None:
        if not left:
            route.continue_()
            return
        error = {"error": {"code": "busy", "message": "too many images are in work"}}
        route.fulfill(status=left.pop(), json=error, headers={"Retry-After": "0"})

    page.route("**/v1/predict", answer)
    choose(page, file("a.png", png(picture(1))))
    expect(cards(page, "ok")).to_have_count(1)
    assert not left


def test_all_of_it_goes_by_keyboard(visit: Open, picture: Any) -> None:
    page = visit().open()
    expect(page.locator("#choose")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to choosing images")).to_be_focused()
    page.get_by_label("Model", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose images")).to_be_focused()
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.evaluate(NOTE_CHOOSER)
    page.keyboard.press("Enter")
    expect(page).to_have_title("a file is chosen")
    choose(page, file("a.png", png(picture(1))), file("b.png", png(picture(2))))
    expect(cards(page, "ok")).to_have_count(2)
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUSED))
    assert order == [
        "Use the camera",
        "Download CSV",
        "Clear",
        "Remove a.png",
        "Show why",
        "Remove b.png",
    ]
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove a.png")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_be_hidden()
    expect(page.get_by_role("button", name="Choose images")).to_be_focused()


def test_the_token_is_asked_for_and_kept_for_the_tab_alone(visit: Open) -> None:
    one = visit(token=False)
    page = one.open()
    field = page.get_by_label("Token", exact=True)
    expect(field).to_be_focused()
    field.fill("not the right one")
    field.press("Enter")
    expect(page.get_by_text("That is not the token of this service.")).to_be_visible()
    expect(page.locator("#app")).to_be_hidden()
    field.fill(TOKEN)
    field.press("Enter")
    expect(page.get_by_role("button", name="Choose images")).to_be_visible()
    assert page.evaluate("() => [localStorage.length, document.cookie]") == [0, ""]
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("table").first).to_be_visible()


def test_images_are_dropped_and_pasted(visit: Open, picture: Any) -> None:
    page = visit().open()
    expect(page.locator("#choose")).to_be_visible()
    for number, kind in enumerate(("drop", "paste"), start=1):
        page.evaluate(
            """([kind, bytes]) => {
                const held = new DataTransfer();
                const content = new Uint8Array(bytes);
                held.items.add(new File([content], `${kind}.png`, { type: "image/png" }));
                const given = { bubbles: true, dataTransfer: held, clipboardData: held };
                const Kind = kind === "drop" ? DragEvent : ClipboardEvent;
                document.body.dispatchEvent(new Kind(kind, given));
            }""",
            [kind, list(png(picture(number)))],
        )
        expect(cards(page, "ok")).to_have_count(number)
        expect(page.get_by_role("heading", name=f"{kind}.png")).to_be_visible()


def test_the_camera_takes_a_picture(visit: Open) -> None:
    page = visit().open()
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take the picture").click()
    expect(cards(page, "ok")).to_have_count(1)
    expect(page.get_by_role("heading", name=re.compile("camera-.*jpg"))).to_be_visible()
    expect(page.locator("dialog")).to_be_hidden()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_fits_a_phone_in_light_and_dark(
    visit: Open, picture: Any, scheme: str, dark: bool
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page = visit(color_scheme=scheme, **phone).open()
    choose(page, file("a" * 80 + ".png", png(picture(1))))
    page.get_by_role("button", name="Show why").click()
    expect(page.locator(".heat")).to_have_count(1)
    for path in ("/", "/runs"):
        if path == "/runs":
            page.get_by_role("link", name="Runs").click()
            expect(page.get_by_role("table").first).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) is dark


def test_runs_are_listed_and_their_reports_run_in_a_sandbox(visit: Open) -> None:
    one = visit()
    page = one.open("/runs")
    table = page.get_by_role("table").first
    expect(table).to_contain_text("nested/bad")
    expect(table).to_contain_text(HTML.replace("/", ""))
    expect(table.locator("tbody tr").last).to_contain_text("50.0 %")
    page.get_by_role("button", name="Accuracy").click()
    page.get_by_role("button", name="Accuracy").click()
    expect(table.locator("tbody tr").first).to_contain_text("nested/bad")
    expect(page.get_by_text("2 folders left out")).to_be_visible()
    with one.context.expect_page() as opened:
        table.get_by_role("link", name="good", exact=False).first.click()
    report = opened.value
    expect(report.get_by_text("a report")).to_be_visible()
    assert report.title() == "null"  # its scripts run, in no origin of ours
    assert report.evaluate("() => window.opener") is None


def test_without_a_folder_the_page_says_how_to_see_runs(visit: Open) -> None:
    one = visit()
    nothing = {"served": False, "boards": [], "pages": [], "broken": []}
    one.page.route("**/v1/runs", lambda route: route.fulfill(json=nothing))
    page = one.open("/runs")
    expect(page.get_by_text("headstart serve runs/waste --runs runs")).to_be_visible()


def test_a_service_that_is_gone_and_a_file_too_large_are_told_apart(
    visit: Open, picture: Any
) -> None:
    one = visit()
    page = one.open()
    choose(page, file("large.bmp", b"BM" + bytes(1_000_000), "image/bmp"))
    expect(cards(page, "error")).to_contain_text("larger than the 1 MB that this service takes")
    page.route("**/v1/predict", lambda route: route.abort())
    page.locator("#files").set_input_files([file("a.png", png(picture(1)))])
    expect(cards(page, "error").last).to_contain_text("cannot be reached")
    expect(cards(page, "error").last.get_by_role("button", name="Try again")).to_be_visible()
