"""The example page answers in a real browser as the bundle does.

Needs Chromium and the npm package onnxruntime-web: ``npm install onnxruntime-web`` in the
project's folder, or ``ONNXRUNTIME_WEB`` with the place of its ``dist``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.heads.linear import LinearHead
from headstart.serving.predictor import load
from headstart.workflows.export import export

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no onnxruntime"),
]
ROOT = Path(__file__).parents[2]
RUNTIME = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
CLASSES = ("cat", "dog", "eel")
PHOTO_SIZES = {"as it is": (24, 24), "much larger": (240, 180)}


def runtime() -> Path:
    place = os.environ.get("ONNXRUNTIME_WEB", ROOT / "node_modules" / "onnxruntime-web" / "dist")
    if not all((Path(place) / name).is_file() for name in RUNTIME):
        pytest.skip("no onnxruntime-web here: npm install onnxruntime-web, or set ONNXRUNTIME_WEB")
    return Path(place)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("_browser", ROOT / "benchmarks" / "_browser.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    program = module.find_browser()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with module.Browser(program, timeout_s=120) as found:
        yield found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, write_tiny) -> Path:
    """Told by colours: a head that sees them clearly, so that answers differ."""
    numbers = np.random.default_rng(1).normal
    weight = numbers(size=(24, 3)).astype(np.float32) / 4
    bias = np.zeros(3, np.float32)
    head = LinearHead(CLASSES, "all", ("early/mean", "final/mean"), weight, bias, 1.0)
    return write_tiny(tmp_path_factory.mktemp("run") / "bundle", head).folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory, picture) -> dict[str, list[Path]]:
    folder, tints = tmp_path_factory.mktemp("photos"), (-150, 0, 150)
    made: dict[str, list[Path]] = {}
    for name, size in PHOTO_SIZES.items():
        for number, tint in enumerate(tints):
            path = folder / CLASSES[number] / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(picture(number, size=size, tint=(tint, 0, -tint))).save(path)
            made.setdefault(name, []).append(path)
    return made


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory, bundle: Path, photos) -> Iterator[str]:
    """The example, served as its page says."""
    data = next(iter(photos.values()))[0].parents[1]
    site = export(
        bundle, format="onnx", data=data, out=tmp_path_factory.mktemp("x") / "site"
    ).folder
    for path in (ROOT / "examples" / "browser").iterdir():
        shutil.copy(path, site)
    for name in RUNTIME:
        shutil.copy(runtime() / name, site)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


def ask(browser: Any, photo: Path) -> dict[str, float]:
    """Choose a photo as a person does, and read what the page says."""
    browser.run("document.getElementById('answer').textContent = ''")
    root = browser.send("DOM.getDocument")["root"]["nodeId"]
    node = browser.send("DOM.querySelector", nodeId=root, selector="#photo")["nodeId"]
    browser.send("DOM.setFileInputFiles", nodeId=node, files=[str(photo)])
    said = browser.run(
        "new Promise((done) => { const look = () => { const said ="
        " document.getElementById('answer').textContent;"
        " said ? done(said) : setTimeout(look, 20); }; look(); })"
    )
    lines = [line.split(" ", 1) for line in said.splitlines()]
    return {name: float(share) for share, name in lines}


@pytest.mark.parametrize(("size", "tolerance"), [("as it is", 1e-3), ("much larger", 0.1)])
def test_the_page_answers_as_the_bundle_does(
    browser: Any, address: str, bundle: Path, photos, size: str, tolerance: float
) -> None:
    """To the last digit where nothing is resized; browsers resize in a way of their own."""
    browser.complaints.clear()
    browser.send("Page.navigate", url=address)
    browser.run(
        "new Promise((done) => document.readyState === 'complete' ? done() :"
        " addEventListener('load', () => done()))"
    )
    expected = load(bundle, precision="f32").predict_proba(photos[size])
    assert len(set(expected.argmax(1))) > 1
    for photo, shares in zip(photos[size], expected, strict=True):
        said = ask(browser, photo)
        assert next(iter(said)) == CLASSES[shares.argmax()]
        assert [said[name] for name in CLASSES] == pytest.approx(shares, abs=tolerance)
    own = address.rsplit("/", 1)[0]
    assert [it for it in browser.complaints if own not in it] == []
