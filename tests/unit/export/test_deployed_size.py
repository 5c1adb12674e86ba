from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.graph import BackboneGraph
from headstart.export.deployed_size import deployed_bytes


def test_about_as_large_as_the_bundle_that_is_written(
    lite0_graph: BackboneGraph, write_bundle: Any, random_head: Any, tmp_path: Path
) -> None:
    outputs = lite0_graph.layout.tap_sets()["all"]
    head = random_head(*outputs)
    write_bundle(tmp_path, head)
    written = (tmp_path / "weights.safetensors").stat().st_size - head.weight.nbytes
    assert abs(deployed_bytes(lite0_graph.path, outputs) - written) < 0.01 * written


def test_what_is_not_needed_does_not_count(lite0_graph: BackboneGraph) -> None:
    sets = lite0_graph.layout.tap_sets()
    early = deployed_bytes(lite0_graph.path, sets["early"])
    final = deployed_bytes(lite0_graph.path, sets["final"])
    classifier = deployed_bytes(lite0_graph.path, ["classifier/logits"])
    assert early < final < classifier
    assert classifier - final == 4 * (1280 + 1) * 1000
