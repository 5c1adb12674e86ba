from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.export import formats
from headstart.heads.linear import LinearHead

CLASSES = ("cat", "dog")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, write_tiny) -> Path:
    weight = np.random.default_rng(0).normal(size=(24, 2)).astype(np.float32)
    head = LinearHead(CLASSES, "all", ("early/mean", "final/mean"), weight, np.zeros(2), 2.0)
    return write_tiny(tmp_path_factory.mktemp("run") / "bundle", head).folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory, image_folder) -> Path:
    return image_folder(tmp_path_factory.mktemp("photos"), *CLASSES, per_class=3)


def test_it_says_how_alike_the_file_answers_and_where_it_is(cli, bundle, photos, tmp_path) -> None:
    out = tmp_path / "out"
    done = cli("export", bundle, "--format", "openvino", "--data", photos, "--out", out)
    assert done.code == 0
    assert "0 of 6 top answers differ, largest probability difference" in done.out
    assert f"written {out / 'model.xml'}" in done.out
    again = cli("export", bundle, "--format", "openvino", "--data", photos, "--out", out)
    assert again.code == 2
    assert "is never overwritten" in again.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("litert", "pip install litert-torch ai-edge-litert"), ("coreml", "pip install coremltools")],
)
def test_what_cannot_be_had_here_says_what_to_install(
    cli, bundle, photos, tmp_path, monkeypatch, name: str, said: str
) -> None:
    there = {"torch", "onnx"}
    monkeypatch.setattr(formats, "find_spec", lambda module: module in there or None)
    done = cli("export", bundle, "--format", name, "--data", photos, "--out", tmp_path / "out")
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()
