"""Extraction: nothing is computed twice, and an interruption loses nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones.graph import BackboneGraph
from headstart.backbones.layout import FeatureLayout
from headstart.data.containers import ArraysContainer
from headstart.data.digest import content_digest
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest
from headstart.engines.base import Outputs, PixelBatch
from headstart.features import extraction
from headstart.features.extraction import Extraction, extract, space_key
from headstart.features.store import FeatureStore
from headstart.progress import Silent

GEOMETRY = Geometry(size_px=16)


class Means:
    """An engine that answers with the mean of each channel, and counts."""

    name, device, precision, batch_size = "means", "CPU", "f32", 4

    def __init__(self) -> None:
        self.seen = 0

    def stream(self, batches: Iterable[PixelBatch]) -> Iterator[Outputs]:
        for batch in batches:
            self.seen += len(batch)
            yield batch.mean((1, 2), dtype=np.float32)


class Interrupting(Silent):
    """Presses Ctrl-C after some images."""

    def __init__(self, after: int) -> None:
        self.after = after

    def track(self, items, **_):
        for number, item in enumerate(items):
            if number == self.after:
                raise KeyboardInterrupt
            yield item


def images(count: int) -> tuple[Manifest, list[str]]:
    arrays = [np.full((16, 16, 3), [n, 2, 250 - n], dtype=np.uint8) for n in range(count)]
    return manifest_of(arrays), [content_digest(array) for array in arrays]


def manifest_of(arrays) -> Manifest:
    container = ArraysContainer(arrays)
    nothing = (None,) * len(arrays)
    return Manifest(container, tuple(container.names()), nothing, nothing, nothing)


def run(folder: Path, source, *, engine=None, progress=None) -> Extraction:
    manifest, digests = source
    with FeatureStore(folder, 3) as store:
        return extract(
            manifest,
            digests,
            store=store,
            engine=lambda: engine or Means(),
            geometry=GEOMETRY,
            max_pixels=10_000,
            progress=progress or Silent(),
        )


def test_features_are_stored_under_each_images_content(tmp_path: Path) -> None:
    source = images(11)
    assert run(tmp_path, source) == Extraction(11, {})
    with FeatureStore(tmp_path, 3) as store:
        expected = [[n, 2, 250 - n] for n in range(11)]
        np.testing.assert_allclose(store.read(source[1]), expected)


def test_a_second_pass_builds_no_engine(tmp_path: Path) -> None:
    source = images(5)
    run(tmp_path, source)

    def fail():
        raise AssertionError("an engine was built")

    manifest, digests = source
    with FeatureStore(tmp_path, 3) as store:
        done = extract(
            manifest,
            digests,
            store=store,
            engine=fail,
            geometry=GEOMETRY,
            max_pixels=10_000,
            progress=Silent(),
        )
    assert done == Extraction(0, {})


def test_only_new_images_are_computed_and_copies_once(tmp_path: Path) -> None:
    run(tmp_path, images(5))
    manifest, digests = images(9)
    twice = manifest.take([*range(9), *range(9)]), digests * 2
    engine = Means()
    assert run(tmp_path, twice, engine=engine).computed == engine.seen == 4


@pytest.mark.parametrize("commit_rows", [3, 1024])
def test_an_interrupted_pass_keeps_what_it_had(tmp_path: Path, monkeypatch, commit_rows) -> None:
    monkeypatch.setattr(extraction, "_COMMIT_ROWS", commit_rows)
    source = images(20)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, source, progress=Interrupting(after=8))
    engine = Means()
    assert run(tmp_path, source, engine=engine).computed == engine.seen == 12
    with FeatureStore(tmp_path, 3) as store:
        np.testing.assert_allclose(store.read(source[1])[:, 0], range(20))


def test_bad_files_are_named_and_stop_nothing(tmp_path: Path) -> None:
    arrays = [np.full((16, 16, 3), n, dtype=np.uint8) for n in range(6)]
    arrays[2] = np.zeros((200, 200, 3), dtype=np.uint8)
    digests = [content_digest(array) for array in arrays]
    done = run(tmp_path, (manifest_of(arrays), digests))
    assert done.computed == 5
    assert {row: bad.path for row, bad in done.rejected.items()} == {2: "array-000002"}
    with FeatureStore(tmp_path, 3) as store:
        assert store.missing(digests) == [2]


def test_all_that_decides_a_vector_is_in_the_spaces_name() -> None:
    graph = BackboneGraph(Path("a.onnx"), FeatureLayout(()), "fingerprint", 16)
    usual = (graph, GEOMETRY, "openvino", "bf16")
    others = [
        (replace(graph, fingerprint="other"), *usual[1:]),
        *((graph, GEOMETRY.model_copy(update=change), *usual[2:]) for change in GEOMETRIES),
        (graph, GEOMETRY, "torch", "bf16"),
        (graph, GEOMETRY, "openvino", "f32"),
    ]
    names = [space_key(*parts) for parts in (usual, *others)]
    assert len(set(names)) == len(names)
    assert space_key(replace(graph, path=Path("elsewhere")), *usual[1:]) == names[0]


GEOMETRIES = (
    {"mode": "crop"},
    {"size_px": 32},
    {"interpolation": "bilinear"},
    {"crop_fraction": 0.5},
    {"fill": (0, 0, 0)},
)
