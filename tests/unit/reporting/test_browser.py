"""The page in a real browser: what a person does with mouse and keyboard, and what it says.

Skipped where there is no Chromium.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headstart.reporting import Example, render_report

_HOME = Path(__file__).parents[3] / "benchmarks" / "_browser.py"
HOSTILE = "</script><img src=x onerror=alert(1)>"
FOCUS = "document.activeElement.getAttribute('aria-label')"
OPEN = "document.getElementById('viewer').open"


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("_browser", _HOME)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    module = _module()
    program = module.find_browser()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with module.Browser(program, timeout_s=120) as found:
        yield found


@pytest.fixture
def page(browser: Any, tmp_path: Path, make_content: Any, make_images: Any) -> Any:
    """A report of cats, dogs and something hostile, opened at desktop size."""
    content = make_content(("cat", "dog", HOSTILE))
    images = make_images(content.test)
    wrong = next(image for image in images if image.label != image.predicted)
    error = Example(wrong.path, "cat", "dog", 0.9, wrong.thumbnail, row=wrong.row)
    file = tmp_path / "report.html"
    file.write_text(render_report(replace(content, images=images, errors=(error,))), "utf-8")
    browser.complaints.clear()
    browser.emulate(1200, 900)
    browser.open(file)
    browser.test = content.test
    yield browser
    assert browser.complaints == []


def test_every_cell_of_the_matrix_opens_its_images(page: Any) -> None:
    counts = page.test.confusion
    found = page.run(
        """(async () => {
            const found = [];
            for (const cell of document.querySelectorAll("table.matrix tbody .opens")) {
                cell.click();
                const thumbs = [...document.querySelectorAll("#viewer-thumbs img")];
                await Promise.all(thumbs.map((one) => one.decode()));
                document.getElementById("viewer").close();
                found.push([Number(cell.textContent), thumbs.length]);
            }
            return found;
        })()"""
    )
    assert [shown for shown, _ in found] == [c for row in counts.tolist() for c in row if c]
    assert all(shown == held for shown, held in found)


def test_the_keyboard_is_enough(page: Any) -> None:
    page.press("Tab")
    assert page.run("document.activeElement.className") == "skip"
    page.run('document.querySelector("table.matrix .opens").focus()')
    first = page.run(FOCUS)
    page.press("ArrowDown")
    below = page.run(FOCUS)
    assert below != first
    page.press("ArrowUp")
    assert page.run(FOCUS) == first
    assert page.run("document.querySelectorAll(\"table.matrix .opens[tabindex='0']\").length") == 1
    page.press("Enter")
    assert page.run(OPEN)
    one = page.run(FOCUS)
    assert "named cat" in one
    page.press("End")
    assert page.run(FOCUS) != one
    page.press("ArrowLeft")
    page.press("Home")
    assert page.run(FOCUS) == one
    assert page.run('document.getElementById("viewer-path").textContent') in one
    page.press("Escape")
    assert not page.run(OPEN)
    assert page.run(FOCUS) == first


def test_galleries_show_the_class_that_is_chosen(page: Any) -> None:
    page.run('document.getElementById("galleries").scrollIntoView()')
    for place, score in enumerate(page.test.per_class):
        hits = int(page.test.confusion[place, place])
        counts = page.run(
            f"""(() => {{
                const picker = document.getElementById("gallery-class");
                picker.value = "{place}";
                picker.dispatchEvent(new Event("change"));
                return [...document.querySelectorAll("#gallery-strips .strip")]
                    .map((strip) => strip.querySelectorAll("img").length);
            }})()"""
        )
        missed, wrong = score.support - hits, score.predicted - hits
        assert counts == [min(12, n) for n in (missed, wrong, hits)]


def test_names_are_only_ever_text(page: Any) -> None:
    page.run('document.querySelectorAll("table.matrix .opens").forEach((cell) => cell.click())')
    assert page.run("document.querySelectorAll('img[src=x]').length") == 0
    assert HOSTILE in page.run("document.body.textContent")


def test_it_fits_every_screen_and_paper(page: Any, tmp_path: Path) -> None:
    for width, scheme in ((1280, "light"), (1280, "dark"), (375, "light")):
        page.emulate(width, 800, scheme=scheme)
        assert page.run("document.documentElement.scrollWidth") <= width
        light = page.run("getComputedStyle(document.body).backgroundColor") == "rgb(244, 245, 247)"
        assert light == (scheme == "light")
    page.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
