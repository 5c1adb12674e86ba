from __future__ import annotations

import pickletools
from pathlib import Path

import numpy as np
import pytest

from headstart.bundle import BUNDLE_FILES, Parity, load_bundle
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import BundleError, StorageError
from headstart.export.bundling import PARITY_LIMIT, check_parity, measure_parity


@pytest.fixture(scope="module")
def whole(tmp_path_factory, lite0_graph, write_bundle, random_head) -> Path:
    """A bundle with every tap of the backbone."""
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    write_bundle(folder, random_head(*lite0_graph.layout.outputs_of("all")))
    return folder


def test_a_bundle_is_three_files_under_20_mb_without_a_pickle(whole: Path) -> None:
    files = sorted(whole.iterdir())
    assert {path.name for path in files} == set(BUNDLE_FILES)
    assert sum(path.stat().st_size for path in files) < 20_000_000
    for path in files:
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK"))
        with pytest.raises(ValueError, match="opcode"):
            list(pickletools.genops(content))


def test_what_is_written_is_what_is_read(whole: Path, random_head, lite0_graph) -> None:
    info = load_bundle(whole).info
    head = random_head(*lite0_graph.layout.outputs_of("all"))
    assert (info.classes, info.temperature) == (head.classes, head.temperature)
    assert info.test["accuracy"] == {"value": 0.9, "low": 0.8, "high": 0.95}
    assert info.seal


def test_the_three_files_can_be_copied_anywhere_and_run(
    small_bundle: Path, tmp_path: Path, picture, lite0_graph
) -> None:
    elsewhere = tmp_path / "with spaces é"
    elsewhere.mkdir()
    for name in BUNDLE_FILES:
        (elsewhere / name).write_bytes((small_bundle / name).read_bytes())
    side = (lite0_graph.size_px, lite0_graph.size_px)
    engine = OpenVinoEngine(load_bundle(elsewhere).graph, precision="f32", batch_size=1)
    (answer,) = engine.stream([picture(size=side)[None]])
    assert answer.sum() == pytest.approx(1, abs=1e-5)


def test_the_same_head_gives_the_same_bytes(small_bundle, tmp_path, write_bundle, random_head):
    write_bundle(tmp_path, random_head("blocks.2/mean", "blocks.2/std"))
    for name in BUNDLE_FILES:
        assert (tmp_path / name).read_bytes() == (small_bundle / name).read_bytes()


def test_parity_is_measured_on_every_probability() -> None:
    trained = np.array([[0.6, 0.4], [0.51, 0.49], [1.0, 0.0]])
    deployed = np.array([[0.61, 0.39], [0.49, 0.51], [1.0, 0.0]])
    found = measure_parity(trained, deployed, precision="bf16")
    assert (found.images, found.top1_disagreements, found.precision) == (3, 1, "bf16")
    assert found.largest_difference == pytest.approx(0.02)
    empty = measure_parity(np.empty((0, 2)), np.empty((0, 2)), precision="f32")
    assert (empty.images, empty.largest_difference) == (0, 0)


def test_a_bundle_that_answers_otherwise_is_refused() -> None:
    def parity(difference: float) -> Parity:
        return Parity(
            images=9, top1_disagreements=0, largest_difference=difference, precision="f32"
        )

    check_parity(parity(PARITY_LIMIT))
    with pytest.raises(BundleError, match=r"differs from the trained model by 0\.060"):
        check_parity(parity(0.06))


def test_a_place_that_cannot_hold_it_names_the_mend(
    monkeypatch, tmp_path, write_bundle, random_head
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="is full: free some space"):
        write_bundle(tmp_path, random_head("blocks.2/mean"))
    assert list(tmp_path.iterdir()) == []
