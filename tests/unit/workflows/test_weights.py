"""``headstart weights``: what is where, and how files come and are checked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from headstart.backbones import catalog
from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec, HubWeights
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import WeightsRequest, locate_weights, resolve_weights
from headstart.config import weights_dir
from headstart.errors import UnknownNameError, WeightsError
from headstart.workflows import weights as workflow
from headstart.workflows.weights import (
    fetch_weights,
    import_weights,
    list_weights,
    verify_weights,
)

LITE0 = find_backbone("lite0")
TOY: BackboneSpec = dataclasses.replace(
    LITE0, name="toy", aliases=("toynet",), weights=HubWeights("timm/toy.in1k", "MIT")
)
"""Lite0 as if only the hub had its weights."""


@pytest.fixture(autouse=True)
def toy_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> BackboneSpec:
        return TOY if name.lower() in ("toy", "toynet") else catalog.find_backbone(name)

    monkeypatch.setattr(workflow, "CATALOG", (LITE0, TOY))
    monkeypatch.setattr(workflow, "find_backbone", find)


@pytest.fixture(scope="session")
def lite0_tensors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    weights = resolve_weights(LITE0, cache=tmp_path_factory.mktemp("digests"))
    return dict(build_network(LITE0, weights).state_dict())


@pytest.fixture
def checkpoint(tmp_path: Path, lite0_tensors: dict[str, torch.Tensor]) -> Callable[..., Path]:
    """``checkpoint(**changes)``: Lite0's tensors as a training script leaves them."""

    def write(**changes: torch.Tensor) -> Path:
        path = tmp_path / "checkpoint.pth"
        changed = {name.replace("__", "."): tensor for name, tensor in changes.items()}
        torch.save({"state_dict": lite0_tensors | changed, "epoch": 3}, path)
        return path

    return write


def places() -> dict[str, str]:
    return {entry.backbone: entry.place for entry in list_weights()}


def test_the_list_says_where_everything_is(hub: Any) -> None:
    bundled, toy = list_weights()
    assert (bundled.place, bundled.bytes, bundled.licence) == ("bundled", 18826032, "Apache-2.0")
    assert Path(bundled.source).is_file()
    url = f"{hub.address}/timm/toy.in1k/resolve/main/model.safetensors"
    assert toy == workflow.WeightsEntry("toy", "hub", url, None, "MIT")
    json.dumps([entry.to_json() for entry in (bundled, toy)])
    assert hub.asked == []


@pytest.mark.parametrize(("search", "count"), [("", 2), ("TOYN", 1), ("zzz", 0)])
def test_the_list_can_be_searched(search: str, count: int) -> None:
    assert len(list_weights(search)) == count


def test_what_was_fetched_is_listed_and_verified(hub: Any, tmp_path: Path) -> None:
    hub.add("timm/toy.in1k", "model.safetensors", b"tensors")
    (fetched,) = fetch_weights(["TOYNET"])
    assert fetched.origin == "hub"
    assert fetched.path
    assert places() == {"efficientnet_lite0": "bundled", "toy": "cache"}
    assert [file.problem for file in verify_weights()] == ["", ""]
    fetched.path.resolve().write_bytes(b"changed")
    bad = [file for file in verify_weights() if file.problem]
    assert [(file.backbone, file.path) for file in bad] == [("toy", fetched.path)]
    fetched.path.resolve().unlink()
    assert "cannot be read" in [file.problem for file in verify_weights()][-1]


def test_what_is_here_is_not_fetched_again(hub: Any) -> None:
    hub.add("timm/toy.in1k", "model.safetensors", b"tensors")
    fetch_weights(["toy"])
    hub.asked.clear()
    assert [weights.origin for weights in fetch_weights(["toy", "lite0"])] == ["cache", "bundled"]
    assert hub.asked == []


def test_a_wrong_name_fetches_nothing(hub: Any) -> None:
    hub.add("timm/toy.in1k", "model.safetensors", b"tensors")
    with pytest.raises(UnknownNameError):
        fetch_weights(["toy", "toyy"])
    assert hub.asked == []


def test_offline_nothing_is_fetched(hub: Any) -> None:
    with pytest.raises(WeightsError, match="--offline forbids fetching"):
        fetch_weights(["toy"], offline=True)
    assert hub.asked == []


def test_an_imported_file_is_what_the_backbone_gets(
    checkpoint: Callable[..., Path], lite0_tensors: dict[str, torch.Tensor], own_cache: Path
) -> None:
    imported = import_weights(checkpoint(), name="toynet", licence="MIT")
    assert imported.path == weights_dir() / "toy.safetensors"
    found = locate_weights(TOY, WeightsRequest(offline=True), cache=own_cache)
    assert found is not None
    assert (found.path, found.sha256) == (imported.path, imported.sha256)
    assert (found.origin, found.licence) == ("folder", "MIT")
    network = build_network(TOY, found)
    assert network.num_classes == 1000
    assert all(torch.equal(lite0_tensors[name], t) for name, t in network.state_dict().items())
    with safe_open(imported.path, "pt") as stored:
        assert stored.metadata()["backbone"] == "toy"
    assert places()["toy"] == "folder"


def test_an_import_is_recorded_and_verified(checkpoint: Callable[..., Path]) -> None:
    imported = import_weights(checkpoint(), name="toy")
    assert imported.licence == "unknown"
    assert [file.problem for file in verify_weights()] == ["", ""]
    assert imported.path
    content = bytearray(imported.path.read_bytes())
    content[-1] ^= 1
    imported.path.write_bytes(content)
    (bad,) = [file for file in verify_weights() if file.problem]
    assert bad.path == imported.path
    assert "expected " + imported.sha256[:12] in bad.problem


def test_a_classifier_of_other_classes_is_left_out(
    checkpoint: Callable[..., Path], own_cache: Path
) -> None:
    file = checkpoint(classifier__weight=torch.ones(7, 1280), classifier__bias=torch.ones(7))
    import_weights(file, name="toy")
    found = locate_weights(TOY, cache=own_cache)
    network = build_network(TOY, found)
    assert network.num_classes == 0
    assert "classifier.weight" not in network.state_dict()


def test_what_does_not_fit_is_not_imported(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.ones(3)}, tmp_path / "resnet.safetensors")
    with pytest.raises(WeightsError, match=r"resnet.safetensors does not fit the network: .*miss"):
        import_weights(tmp_path / "resnet.safetensors", name="toy")
    assert not weights_dir().exists()


def test_an_import_is_replaced_only_by_force(checkpoint: Callable[..., Path]) -> None:
    first = import_weights(checkpoint(), name="toy")
    changed = checkpoint(classifier__bias=torch.zeros(1000))
    with pytest.raises(WeightsError, match=r"toy.safetensors exists already.*--force"):
        import_weights(changed, name="toy")
    second = import_weights(changed, name="toy", force=True)
    assert first.sha256 != second.sha256
    assert [file.problem for file in verify_weights()] == ["", ""]


def test_bundled_weights_are_not_shadowed_in_vain(checkpoint: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match=r"go before imported ones: .* --weights FILE"):
        import_weights(checkpoint(), name="lite0")


@pytest.mark.parametrize("name", ["none", "nowhere.pth"])
def test_a_file_that_is_not_there_is_not_imported(name: str) -> None:
    with pytest.raises(WeightsError, match=f"the weights file {name} does not exist"):
        import_weights(name, name="toy")


def test_importing_the_file_that_is_there_already(checkpoint: Callable[..., Path]) -> None:
    first = import_weights(checkpoint(), name="toy")
    assert first.path
    again = import_weights(first.path, name="toy", force=True)
    assert [file.problem for file in verify_weights()] == ["", ""]
    assert again.path == first.path
