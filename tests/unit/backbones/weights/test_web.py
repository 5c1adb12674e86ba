"""Weights at an address, against a server on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec, UrlWeights
from headstart.backbones.weights import WeightsRequest, resolve_weights
from headstart.config import weights_dir
from headstart.errors import WeightsError
from headstart.progress import Silent

CONTENT = b"weights " * 300_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, CONTENT)
    return buffer.getvalue()


def toy(url: str, digest: str = f"sha256:{SHA256[:9]}") -> BackboneSpec:
    weights = UrlWeights(url, "MIT", "toy-1234.pth", digest)
    return dataclasses.replace(find_backbone("lite0"), name="toy", aliases=(), weights=weights)


@pytest.fixture
def resolve(own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def call(spec: BackboneSpec, *, offline: bool = False, progress: Any = None) -> Any:
        request = WeightsRequest(offline=offline)
        return resolve_weights(spec, request, cache=own_cache, progress=progress or Silent())

    return call


@pytest.mark.parametrize("end", ["pth", "pth.zip"])
def test_a_file_arrives_in_the_weights_folder(hub: Any, resolve: Any, end: str) -> None:
    hub.files[f"/toy.{end}"] = zipped("toy-1234.pth") if end == "pth.zip" else CONTENT
    spec = toy(f"{hub.address}/toy.{end}")
    fetched = resolve(spec)
    assert (fetched.origin, fetched.sha256, fetched.licence) == ("hub", SHA256, "MIT")
    assert fetched.path == weights_dir() / "toy-1234.pth"
    again = resolve(spec, offline=True)
    assert (again.origin, again.path, again.licence) == ("folder", fetched.path, "MIT")
    assert len(hub.asked) == 1


def refused(resolve: Any, spec: BackboneSpec) -> str:
    with pytest.raises(WeightsError) as caught:
        resolve(spec)
    assert not weights_dir().exists()
    return str(caught.value)


def test_another_file_than_published_is_not_kept(hub: Any, resolve: Any) -> None:
    hub.files["/toy.pth"] = CONTENT
    said = refused(resolve, toy(f"{hub.address}/toy.pth", "sha256:000000000"))
    assert f"its sha256 starts with {SHA256[:9]}, expected 000000000" in said


def test_half_a_file_is_not_kept(hub: Any, resolve: Any) -> None:
    hub.files["/toy.pth"] = CONTENT
    hub.cut_after = 1_500_000
    assert "broke after 1,500,000 of 2,400,000 bytes" in refused(
        resolve, toy(f"{hub.address}/toy.pth")
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "404"), (b"no zip", "not a zip"), (zipped("other"), "holds no toy-1234.pth")],
)
def test_what_cannot_be_had_says_what_to_bring(
    hub: Any, resolve: Any, content: bytes | None, said: str
) -> None:
    if content is not None:
        hub.files["/toy.zip"] = content
    message = refused(resolve, toy(f"{hub.address}/toy.zip"))
    assert said in message
    assert f"Bring the file toy-1234.pth ({hub.address}/toy.zip)" in message
    assert str(weights_dir() / "toy-1234.pth") in message


def test_offline_nothing_is_asked(hub: Any, resolve: Any) -> None:
    with pytest.raises(WeightsError, match=r"--offline forbids.*toy-1234\.pth"):
        resolve(toy(f"{hub.address}/toy.pth"), offline=True)
    assert hub.asked == []


@pytest.mark.parametrize("place", ["torch/hub/checkpoints", ".torch/models"])
def test_what_other_programs_fetched_is_used(resolve: Any, tmp_path: Path, place: str) -> None:
    path = tmp_path / place / "toy-1234.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    found = resolve(toy("https://nowhere.invalid/toy.pth"), offline=True)
    assert (found.origin, found.path, found.licence) == ("cache", path, "MIT")
