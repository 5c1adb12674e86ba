"""The user's own weights folder, and its record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import HubWeights
from headstart.backbones.weights.folder import (
    WeightsRecord,
    find_in_folder,
    folder_licence,
    read_records,
    write_record,
)
from headstart.config import weights_dir
from headstart.errors import WeightsError

SPEC = dataclasses.replace(
    find_backbone("lite0"), name="toy", weights=HubWeights("timm/toy.in1k", "MIT")
)
RECORD = WeightsRecord("toy", "toy.safetensors", "0" * 64, 3, "BSD-3-Clause", "there")


def put(name: str, content: bytes = b"abc") -> Path:
    path = weights_dir() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "toy.safetensors",
        "toy.pth",
        "toy.bin",
        f"{SPEC.architecture}.safetensors",
        f"{SPEC.architecture}.pt",
        "timm/toy.in1k/model.safetensors",
    ],
)
def test_a_file_is_found_by_any_of_its_names(name: str) -> None:
    assert find_in_folder(SPEC) is None
    path = put(name)
    assert find_in_folder(SPEC) == path


def test_its_own_name_goes_before_the_architectures_and_the_hubs() -> None:
    put("timm/toy.in1k/model.safetensors")
    put(f"{SPEC.architecture}.safetensors")
    own = put("toy.safetensors")
    assert find_in_folder(SPEC) == own


def test_a_licence_is_known_by_record_or_by_place() -> None:
    path = put("toy.safetensors")
    assert folder_licence(SPEC, path) == "unknown"
    write_record(RECORD)
    assert folder_licence(SPEC, path) == "BSD-3-Clause"
    path.write_bytes(b"another size")
    assert folder_licence(SPEC, path) == "unknown"
    assert folder_licence(SPEC, put("timm/toy.in1k/model.safetensors")) == "MIT"


def test_a_record_replaces_the_one_of_the_same_file() -> None:
    assert read_records() == []
    write_record(RECORD)
    write_record(dataclasses.replace(RECORD, path="other.safetensors"))
    newer = dataclasses.replace(RECORD, sha256="1" * 64)
    write_record(newer)
    assert [record.path for record in read_records()] == ["other.safetensors", "toy.safetensors"]
    assert read_records()[1] == newer


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": [{}]}', '{"files": [1]}'])
def test_a_damaged_record_says_what_to_do(content: str) -> None:
    path = put("manifest.json", content.encode())
    with pytest.raises(WeightsError, match=f"{path}.*damaged.*remove it"):
        read_records()
