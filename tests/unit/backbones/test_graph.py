"""The graph cache: read back without PyTorch's libraries, rebuilt when damaged."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.backbones import graph as graph_module
from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.graph import BackboneGraph, build_module, graph_key, load_graph
from headstart.backbones.layout import has_logits
from headstart.backbones.weights import WeightsFile
from headstart.files import write_bytes

SPEC = find_backbone("efficientnet_lite0")


@pytest.fixture
def cache(lite0_graph: BackboneGraph, tmp_path: Path) -> Path:
    """A cache that already holds the shared graph."""
    shutil.copytree(lite0_graph.path.parents[2], tmp_path / "warm")
    return tmp_path / "warm"


def test_a_known_graph_is_read_without_the_network_libraries(
    lite0_graph: BackboneGraph, cache: Path
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from headstart.backbones.catalog import find_backbone\n"
        "from headstart.backbones.graph import load_graph\n"
        f"graph = load_graph(find_backbone('lite0'), size_px={lite0_graph.size_px}, "
        f"cache=Path({str(cache)!r}))\n"
        "print(graph.fingerprint, {'torch', 'timm', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == [lite0_graph.fingerprint, "set()"], done.stderr


class RebuiltError(Exception):
    """Raised in place of an export."""


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise RebuiltError

    monkeypatch.setattr(graph_module, "_build", build)


@pytest.mark.usefixtures("no_export")
def test_a_sound_graph_is_used(lite0_graph: BackboneGraph, cache: Path) -> None:
    loaded = load_graph(SPEC, size_px=lite0_graph.size_px, cache=cache)
    assert loaded.layout == lite0_graph.layout
    assert loaded.path.read_bytes() == lite0_graph.path.read_bytes()


@pytest.mark.usefixtures("no_export")
@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b"{}", b'{"layout": []}', None])
@pytest.mark.parametrize("name", ["graph.onnx", "graph.json"])
def test_a_damaged_graph_is_rebuilt(
    lite0_graph: BackboneGraph, cache: Path, name: str, damage: bytes | None
) -> None:
    path = cache / lite0_graph.path.parent.relative_to(lite0_graph.path.parents[2]) / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(RebuiltError):
        load_graph(SPEC, size_px=lite0_graph.size_px, cache=cache)


def test_an_export_interrupted_between_its_files_is_done_again(
    tmp_path: Path, lite0_graph: BackboneGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = lite0_graph.path.read_bytes()
    monkeypatch.setattr(graph_module, "export_onnx", lambda *_: content)

    def stop(path: Path, *_: object) -> None:
        write_bytes(path.with_suffix(".stopped"), b"")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(graph_module, "write_json", stop)
        with pytest.raises(KeyboardInterrupt):
            load_graph(SPEC, size_px=lite0_graph.size_px, cache=tmp_path)
    graph = load_graph(SPEC, size_px=lite0_graph.size_px, cache=tmp_path)
    assert graph.fingerprint == lite0_graph.fingerprint
    about = json.loads((graph.path.parent / "graph.json").read_text())
    assert about["sha256"] == graph.fingerprint


def test_all_that_decides_a_graph_is_in_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = WeightsFile("file", Path("w.pth"), "1" * 64)
    changed = [
        dataclasses.replace(SPEC, **change)
        for change in (
            {"mean": (0.1, 0.1, 0.1)},
            {"std": (0.1, 0.1, 0.1)},
            {"taps": SPEC.taps[1:]},
            {"architecture": "other"},
        )
    ]
    others = [
        WeightsFile("file", Path("w.pth"), "2" * 64),
        WeightsFile("random", seed=0),
        WeightsFile("random", seed=1),
    ]
    keys = [graph_key(spec, 224, weights) for spec in (*CATALOG, *changed)]
    keys += [graph_key(SPEC, 96, weights), *(graph_key(SPEC, 224, other) for other in others)]
    keys.append(graph_key(SPEC, 224, weights, flat=True))
    monkeypatch.setattr(graph_module, "GRAPH_VERSION", graph_module.GRAPH_VERSION + 1)
    keys.append(graph_key(SPEC, 224, weights))
    assert len(set(keys)) == len(keys)


def test_the_same_weights_from_another_place_are_the_same_graph() -> None:
    places = [WeightsFile(origin, Path(origin), "1" * 64) for origin in ("file", "folder", "cache")]
    assert len({graph_key(SPEC, 224, weights) for weights in places}) == 1


def test_only_a_classifier_that_was_loaded_gives_logits(lite0_graph: BackboneGraph) -> None:
    assert has_logits(lite0_graph.layout)
    random = build_module(SPEC, WeightsFile("random", seed=0)).measure_layout(64)
    assert not has_logits(random)
    assert random.dim < lite0_graph.layout.dim
    assert has_logits(build_module(SPEC, None).measure_layout(64))
