"""Bundles: nothing of them is used that is not as it was written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from headstart.bundle import BUNDLE_FILES, load_bundle
from headstart.bundle.loading import file_digest, seal_of
from headstart.bundle.schema import FileDigest
from headstart.errors import BundleError
from headstart.serving.online.models import Source, open_model
from headstart.serving.predictor import load


@pytest.fixture
def bundle(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "runs" / "bundle"))


def edit(bundle: Path, **changes: object) -> None:
    """Change what bundle.json says, and seal it again."""
    content = json.loads((bundle / "bundle.json").read_text()) | changes
    content["seal"] = seal_of(content)
    (bundle / "bundle.json").write_text(json.dumps(content))


def test_it_is_read_from_its_folder_or_its_run(bundle: Path) -> None:
    for place in (bundle, str(bundle), bundle.parent):
        loaded = load_bundle(place)
        assert loaded.info.classes == ("class 0", "class 1", "class 2")
        assert loaded.graph == bundle / "graph.onnx"
        assert loaded.info.geometry.mode == "pad"


@pytest.mark.parametrize("name", BUNDLE_FILES)
@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_changed_byte_is_refused_and_its_file_named(
    bundle: Path, name: str, place: float
) -> None:
    content = bytearray((bundle / name).read_bytes())
    position = int(place * len(content))
    while not chr(content[position]).isalnum():
        position += 1
    content[position] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=name):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("before", "after"), [('"class 0"', '"class 9"'), ('"pad"', '"crop"'), ("0.9", "0.99")]
)
def test_what_bundle_json_says_cannot_be_changed(bundle: Path, before: str, after: str) -> None:
    path = bundle / "bundle.json"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(BundleError, match=r"bundle.json was changed.*copy the whole folder again"):
        load_bundle(bundle)


def test_how_bundle_json_is_laid_out_does_not_matter(bundle: Path) -> None:
    path = bundle / "bundle.json"
    info = load_bundle(bundle).info
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_bundle(bundle).info == info
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert load_bundle(bundle).info == info


@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"(lacks|holds no) {name}"):
        load_bundle(bundle)


def test_a_truncated_file_is_refused(bundle: Path) -> None:
    weights = bundle / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(BundleError, match=r"weights.safetensors was changed"):
        load_bundle(bundle)


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_an_unknown_schema_says_what_to_install(bundle: Path, version: object) -> None:
    edit(bundle, schema=version)
    with pytest.raises(BundleError, match=r"has schema .*, this headstart reads 1: install"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "model.pkl", "bundle.json"])
def test_files_that_are_none_of_a_bundle_are_refused(bundle: Path, name: str) -> None:
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    edit(bundle, files={**files, name: {"sha256": "0", "bytes": 0}})
    with pytest.raises(BundleError, match=r"lists the files .* expected graph.onnx and weights"):
        load_bundle(bundle)


def test_files_that_no_digest_covers_are_refused(bundle: Path) -> None:
    edit(bundle, files={})
    with pytest.raises(BundleError, match=r"expected graph\.onnx and weights"):
        load_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'"text"'])
def test_a_file_that_is_no_bundle_json_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        load_bundle(bundle)


def test_missing_and_unknown_fields_are_named(bundle: Path) -> None:
    content = json.loads((bundle / "bundle.json").read_text())
    del content["classes"]
    content["geometry"]["colour"] = "red"
    (bundle / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(BundleError, match=r"damaged: look at classes, geometry\.colour"):
        load_bundle(bundle)


def test_what_is_no_bundle_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    for place, message in (
        (tmp_path / "nowhere", "there is no bundle at .*: give the folder"),
        (tmp_path, "is not a bundle: it holds no bundle.json"),
        (tmp_path / "photo.jpg", "is not a bundle: it holds no bundle.json"),
    ):
        with pytest.raises(BundleError, match=message):
            load_bundle(place)


def test_a_link_to_what_is_not_the_file_is_not_read(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (bundle / "weights.safetensors").unlink()
    (bundle / "weights.safetensors").symlink_to(tmp_path / "secret")
    read: list[str] = []

    def digest(path: Path) -> FileDigest:
        read.append(path.name)
        return file_digest(path)

    monkeypatch.setattr("headstart.bundle.loading.file_digest", digest)
    with pytest.raises(BundleError, match=r"weights\.safetensors was changed"):
        load_bundle(bundle)
    assert read in ([], ["graph.onnx"])


def test_a_link_to_the_very_file_is_a_bundle(bundle: Path, tmp_path: Path) -> None:
    """As the caches of model hubs and Kubernetes lay files out."""
    (bundle / "graph.onnx").rename(tmp_path / "blob")
    (bundle / "graph.onnx").symlink_to(tmp_path / "blob")
    assert load_bundle(bundle).graph == bundle / "graph.onnx"


@pytest.mark.parametrize("content", ["[" * 200_000, '{"schema": ' + "9" * 100_000 + "}"])
def test_a_description_that_no_parser_takes_is_refused(bundle: Path, content: str) -> None:
    (bundle / "bundle.json").write_text(content)
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(bundle)


def test_a_vast_description_is_not_read(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.bundle.loading.MOST_INFO_BYTES", 100)
    with pytest.raises(BundleError, match="more than 100 bytes"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["a", "b"], "training_priors": None},
        {"classes": ["a", "b", "c", "d"], "training_priors": None},
        {"geometry": {"mode": "pad", "size_px": 64}},
    ],
    ids=["too few classes", "too many classes", "another size"],
)
def test_a_graph_of_another_shape_than_is_said_is_refused(
    bundle: Path, changes: dict[str, object]
) -> None:
    edit(bundle, **changes)
    with pytest.raises(BundleError, match=r"takes 96 pixels and tells 3 classes apart, but"):
        load(bundle, precision="f32").predict([np.zeros((9, 9, 3), np.uint8)])


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_graph_that_is_none_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / "graph.onnx").write_bytes(content)
    files = {n: file_digest(bundle / n).model_dump() for n in ("graph.onnx", "weights.safetensors")}
    edit(bundle, files=files)
    with pytest.raises(BundleError, match="is no network that can be run"):
        load(bundle, precision="f32").predict([np.zeros((9, 9, 3), np.uint8)])
    with pytest.raises(BundleError, match="is no network that can be run"):
        open_model(Source("waste", bundle), precision="f32", threads=1)
