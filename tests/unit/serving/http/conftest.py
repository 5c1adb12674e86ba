"""A service for people, with models and runs that would do harm if they could."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from headstart.bundle import load_bundle
from headstart.bundle.sealing import copy_changed

ENTRY = "from headstart.cli.main import entry_point; entry_point()"
TOKEN = "open sesame, please"
HTML = "<img src=x onerror=window.harmed=1>"
FORMULA = '=HYPERLINK("http://evil.example","a")'
REPORT = "<script>window.ran = true; document.title = String(self.origin)</script><p>a report</p>"
THRESHOLD = 0.999
SETTINGS = {
    "max_body_mb": 1,
    "max_pixels": 1_000_000,
    "reload_s": 0,
    "workers": 1,
    "threads": 1,
    "explain_queue": 2,
}


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Web(NamedTuple):
    """A service in a process of its own.

    Two models: ``plain``, and ``unsure``, whose classes are called like HTML and a formula and
    which is never sure enough.
    """

    port: int
    runs: Path
    log: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Told:
        """Ask with the token, unless ``Authorization`` is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            sent = {"Authorization": f"Bearer {TOKEN}", **named}
            connection.request(method, path, body=body or None, headers=sent)
            told = connection.getresponse()
            return Told(told.status, {k.lower(): v for k, v in told.getheaders()}, told.read())


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def web(
    small_bundle: Path,
    image_folder: Callable[..., Path],
    store_run: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Web]:
    """The service, started once."""
    root = tmp_path_factory.mktemp("web-secret")
    unsure = _unsure(small_bundle, root / "unsure")
    runs = _runs(root, image_folder, store_run)
    settings = [text for key, value in SETTINGS.items() for text in ("--set", f"{key}={value}")]
    arguments = ["serve", f"plain={small_bundle}", f"unsure={unsure}", "--runs", str(runs)]
    arguments += ["--port", "0", "--precision", "f32", "--token", TOKEN, *settings]
    with _started(arguments) as (port, log):
        yield Web(port, runs, log)


@contextlib.contextmanager
def _started(arguments: list[str]) -> Iterator[tuple[int, list[str]]]:
    log: list[str] = []
    command = [sys.executable, "-c", ENTRY, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            port = _port(process.stderr, log)
            reader = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
            reader.start()
            yield port, log
        finally:
            process.kill()
        reader.join(10)


def _port(lines: Iterable[str], log: list[str]) -> int:
    for line in lines:
        log.append(line)
        if line.startswith("serving on"):
            return int(line.split()[2].rsplit(":", 1)[1])
    pytest.fail("".join(log))


def _unsure(bundle: Path, folder: Path) -> Path:
    share = {"value": 0.5, "low": 0.4, "high": 0.6}
    validation = {"n": 10, "answered": 5, "coverage": share, "precision": share}
    reject = {
        "target": "precision",
        "share": 0.98,
        "assurance": 0.95,
        "threshold": THRESHOLD,
        "bound": 0.98,
        "validation": validation,
    }
    opened = load_bundle(bundle)
    changes = {
        "classes": (HTML, FORMULA, "plain words"),
        "decision": {"reject": reject, "test": validation},
    }
    changes = opened.info.model_validate(
        {**opened.info.model_dump(by_alias=True), **changes}
    ).__dict__
    copy_changed(opened, folder, {key: changes[key] for key in ("classes", "decision")})
    return folder


def _runs(root: Path, image_folder: Any, store_run: Any) -> Path:
    photos = image_folder(root / "photos", "cat", "dog", per_class=20)
    names = [f"{label}/{n}.png" for label in ("cat", "dog") for n in range(20)]
    good = {name: name.split("/")[0] for name in names}
    bad = dict.fromkeys(names, "cat")
    runs = root / "runs"
    for name, said in {"good": good, "nested/bad": bad, HTML.replace("/", ""): good}.items():
        folder = store_run(runs / name, photos, said)
        (folder / "report.html").write_text(REPORT)
    (runs / "damaged").mkdir()
    (runs / "damaged" / "metrics.json").write_text("{}")
    (runs / "benchmark").mkdir()
    (runs / "benchmark" / "leaderboard.html").write_text(REPORT)
    _lead_out(root, runs, store_run, photos, good)
    return runs


def _lead_out(root: Path, runs: Path, store_run: Any, photos: Path, good: Any) -> None:
    """Links to what lies outside: a whole run, a report, a file of figures."""
    outside = store_run(root / "outside", photos, good)
    (outside / "report.html").write_text("TOP SECRET")
    (runs / "linked").symlink_to(outside)
    (store_run(runs / "report-out", photos, good) / "report.html").symlink_to(
        outside / "report.html"
    )
    figures = store_run(runs / "figures-out", photos, good) / "metrics.json"
    figures.unlink()
    figures.symlink_to(outside / "metrics.json")
