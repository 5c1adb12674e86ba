"""Weights from a file, from a hub, from nowhere: whole runs of the command."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from scripts import FORBID_SOCKETS

from headstart.backbones.catalog import find_backbone
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import resolve_weights

TOY_CATALOG = """
import dataclasses, sys
from headstart.backbones import catalog
from headstart.backbones.spec import HubWeights

real = catalog.find_backbone
hub = HubWeights("timm/toy.in1k", "MIT")
toy = dataclasses.replace(real("lite0"), name="toy", aliases=(), weights=hub)
catalog.find_backbone = lambda name: toy if name == "toy" else real(name)
catalog.CATALOG = (*catalog.CATALOG, toy)
"""
"""A backbone, Lite0 by another name, whose weights only a hub has."""
RUN = "\nfrom headstart.cli.main import entry_point; entry_point()\n"


@pytest.fixture(scope="module")
def lite0_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lite0's pretrained tensors under timm's names, as the hub's files are."""
    folder = tmp_path_factory.mktemp("exported-weights")
    spec = find_backbone("lite0")
    network = build_network(spec, resolve_weights(spec, cache=folder))
    save_file(dict(network.state_dict()), folder / "model.safetensors")
    return folder / "model.safetensors"


def predictions(folder: Path) -> Iterator[tuple[str, str, float]]:
    with (folder / "predictions.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            yield row["path"], row["label"], float(row["confidence"])


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_same_weights_from_a_file_give_the_same_predictions(
    cli: Callable[..., Any],
    finished: Any,
    lite0_file: Path,
    lite0_graph: Any,
    small_options: list[str],
    own_cache: Path,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    outcome = cli("train", finished.photos, "--weights", lite0_file, "--out", run, *small_options)
    assert outcome.code == 0, outcome.err
    assert f"note: weights: {lite0_file} (SHA-256 " in outcome.out
    mine, theirs = list(predictions(run)), list(predictions(finished.folder))
    assert [row[:2] for row in mine] == [row[:2] for row in theirs]
    assert [row[2] for row in mine] == pytest.approx([row[2] for row in theirs], abs=1e-3)
    (graph,) = (own_cache / "graphs").glob("*/graph.json")
    assert read_json(graph)["sha256"] == lite0_graph.fingerprint
    provenance = read_json(run / "bundle" / "bundle.json")["provenance"]
    theirs_provenance = read_json(finished.folder / "bundle" / "bundle.json")["provenance"]
    assert provenance["weights_origin"] == "file"
    assert provenance["weights_licence"] == "unknown"
    assert len(provenance["weights_sha256"]) == 64
    assert provenance["weights_sha256"] != theirs_provenance["weights_sha256"]
    assert theirs_provenance["weights_origin"] == "bundled"
    assert theirs_provenance["weights_licence"] == "Apache-2.0"
    weights = read_json(run / "environment.json")["weights"]
    assert (weights["path"], weights["sha256"]) == (str(lite0_file), provenance["weights_sha256"])


def test_random_weights_are_said_to_be(
    cli: Callable[..., Any],
    finished: Any,
    small_options: list[str],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    options = ["--weights", "none", "--seed", "3", "--out", run, *small_options]
    outcome = cli("train", finished.photos, *options)
    assert outcome.code == 0, outcome.err
    said = "the backbone's weights are random (seed 3), as asked for"
    assert said in outcome.out
    assert said in (run / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    provenance = read_json(run / "bundle" / "bundle.json")["provenance"]
    assert (provenance["weights_origin"], provenance["weights_sha256"]) == ("random", "")
    assert any(said in note for note in read_json(run / "metrics.json")["notes"])


def test_a_hub_backbone_is_fetched_once_and_works_offline_then(
    command: Callable[..., Any],
    hub: Any,
    finished: Any,
    lite0_file: Path,
    small_options: list[str],
    tmp_path: Path,
) -> None:
    hub.add("timm/toy.in1k", "model.safetensors", lite0_file.read_bytes())
    arguments = ["train", finished.photos, "--backbone", "toy", *small_options]
    first = command(*arguments, "--out", tmp_path / "run", script=TOY_CATALOG + RUN)
    assert first.code == 0, first.err
    assert (
        f"fetching the weights of toy: model.safetensors of timm/toy.in1k from {hub.address}"
        in (first.err)
    )
    assert {line.split()[1] for line in hub.asked} == {
        "/timm/toy.in1k/resolve/main/model.safetensors"
    }
    provenance = read_json(tmp_path / "run" / "bundle" / "bundle.json")["provenance"]
    assert (provenance["weights_origin"], provenance["weights_licence"]) == ("hub", "MIT")
    mine, theirs = list(predictions(tmp_path / "run")), list(predictions(finished.folder))
    assert [row[:2] for row in mine] == [row[:2] for row in theirs]

    attempts = tmp_path / "attempts"
    again = command(
        attempts,
        *arguments,
        "--offline",
        "--out",
        tmp_path / "again",
        script=TOY_CATALOG + FORBID_SOCKETS + RUN,
    )
    assert again.code == 0, again.err
    assert attempts.read_text() == ""
    assert list(predictions(tmp_path / "again")) == mine


@pytest.mark.parametrize(
    "arguments", [["train", "PHOTOS", "--backbone", "toy"], ["weights", "fetch", "toy"]]
)
def test_offline_no_socket_is_opened_and_the_file_to_bring_is_named(
    command: Callable[..., Any],
    finished: Any,
    own_cache: Path,
    tmp_path: Path,
    arguments: list[str],
) -> None:
    attempts = tmp_path / "attempts"
    given = [finished.photos if argument == "PHOTOS" else argument for argument in arguments]
    given += ["--out", tmp_path / "run"] if "train" in given else []
    outcome = command(
        attempts, *given, "--offline", script=TOY_CATALOG + FORBID_SOCKETS + RUN, cwd=tmp_path
    )
    assert outcome.code == 2
    assert attempts.read_text() == ""
    assert "https://huggingface.co/timm/toy.in1k/resolve/main/model.safetensors" in outcome.err
    place = own_cache / "own-weights" / "timm" / "toy.in1k" / "model.safetensors"
    assert f"put it at {place}, or run 'headstart weights import" in outcome.err
    assert "Traceback" not in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["attempts"]


def test_a_truncated_file_is_two_and_leaves_nothing(
    cli: Callable[..., Any], finished: Any, lite0_file: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.safetensors"
    short.write_bytes(lite0_file.read_bytes()[:100_000])
    run = tmp_path / "run"
    outcome = cli("train", finished.photos, "--weights", short, "--out", run)
    assert outcome.code == 2
    assert "short.safetensors is cut short or damaged" in outcome.err
    assert "Traceback" not in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["short.safetensors"]
