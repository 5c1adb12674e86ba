"""The pages' files: what is sent, to whom, and that nothing in them breaks the policy."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from headstart.serving.http.pages import FILES, FORM, load_asset

SOURCES = {path: load_asset(name).content.decode() for path, name in FILES.items()}


@pytest.mark.parametrize("path", FILES)
def test_files_are_sent_without_a_token_and_asked_about_again(web, path: str) -> None:
    told = web.ask("GET", path, Authorization="")
    assert told.status == 200
    assert told.body.decode() == SOURCES[path]
    assert told.headers["cache-control"] == "no-cache"
    assert "script-src 'self'; style-src 'self'" in told.headers["content-security-policy"]
    assert "unsafe" not in told.headers["content-security-policy"]
    again = web.ask("GET", path, If_None_Match=told.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/index.html%00.js",
        "/runs/good/report.html",
        "/../../etc/passwd",
    ],
)
def test_no_other_path_is_a_file(web, path: str) -> None:
    assert web.ask("GET", path).status == 404


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.wanted: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        inline = [name for name in given if name == "style" or name.startswith("on")]
        if inline or tag == "style" or (tag == "script" and "src" not in given):
            self.bad.append(f"{tag} {attributes}")
        self.wanted += [str(given[name]) for name in ("src", "href") if given.get(name)]


@pytest.mark.parametrize("path", ["/", "/runs"])
def test_pages_hold_nothing_inline_and_ask_for_files_that_there_are(path: str) -> None:
    tags = _Tags()
    tags.feed(SOURCES[path])
    assert not tags.bad
    assert {one for one in tags.wanted if not one.startswith("#")} <= FILES.keys()


def test_no_file_lies_in_the_folder_that_is_not_served() -> None:
    folder = Path(str(files("headstart.serving.http"))) / "static"
    assert {one.name for one in folder.iterdir()} == {*FILES.values(), FORM}


def test_scripts_import_only_each_other_and_never_write_html() -> None:
    for path, source in SOURCES.items():
        if not path.endswith(".js"):
            continue
        imported = re.findall(r'from "\./([\w.]+)"', source)
        assert {f"/static/{name}" for name in imported} <= FILES.keys()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source
        )
        assert not re.search(r"https?://", source)
        assert "localStorage" not in source


def test_models_say_what_the_page_shows(web) -> None:
    told = web.ask("GET", "/v1/models").json
    assert told["limits"] == {"files": 32, "body_bytes": 1_000_000, "pixels": 1_000_000}
    plain, unsure = told["models"]
    assert plain["decision"] is None
    assert plain["test"]["accuracy"] == {"value": 0.9, "low": 0.8, "high": 0.95}
    assert unsure["threshold"] == 0.999
    assert unsure["decision"]["test"]["coverage"]["value"] == 0.5
