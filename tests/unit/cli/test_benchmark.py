"""``headstart benchmark``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from headstart.cli.benchmark_table import WIDTH
from headstart.config.grids import Grid
from headstart.evaluation import wilson
from headstart.evaluation.leaderboard import Choice, Entry, FailedRun, Leaderboard
from headstart.workflows.benchmark_result import BenchmarkResult


def entry(name: str, hits: int, **more: Any) -> Entry:
    share = wilson(hits, 200)
    facts: dict[str, Any] = {
        "model": "timm/a_network_with_a_very_long_name",
        "head": "gap-1024-512, dropout=0.5",
        "strategy": "probe",
        "fine_tuned": False,
        "place": 1,
        "is_tied": True,
        **more,
    }
    return Entry(
        name=name, accuracy=share, f1_weighted=share, f1_macro=share, validation=share,
        validation_n=400, seconds=12_345.6, seconds_here=1.0, native_px=224, input_px=1024,
        source_px=None, learning_rate="", epochs="", batch_size="", images_per_s=None,
        parameters=1_005_300_000, bundle_bytes=4_021_000_000, reported="", folder="x", **facts,
    )  # fmt: skip


BOARD = Leaderboard(
    data="pets",
    source="pets",
    entries=(
        entry("a", 199),
        entry("b", 198, strategy="full"),
        entry("c", 50, place=3, is_tied=False),
    ),
    failed=(FailedRun(name="d", model="lost", trained="svm", reason="its weights " * 20),),
    test_images=200,
    headline="a and b share the first place: 200 images cannot tell them apart",
    choice=Choice("a", ("a", "b"), 1234),
    notes=("a note " * 30,),
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of runs."""
    asked: list[dict[str, Any]] = []

    def benchmark(data: list[str], **options: Any) -> BenchmarkResult:
        asked.append({"data": data, **options})
        return BenchmarkResult((BOARD,), tmp_path, 3.21, ("mind this",))

    monkeypatch.setattr("headstart.workflows.benchmark.benchmark", benchmark)
    return asked


def test_a_table_that_fits_a_terminal(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("benchmark", "photos", "--heads", "svm")
    assert outcome.code == 2  # a run failed
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line[:3].strip() for line in lines[2:6]] == ["1=", "1=", "3", "-"]
    assert "99.5 [97.2, 99.9]" in lines[2]
    assert any(line.startswith("Take a, by validation") for line in lines)
    assert any("(head)" in line for line in lines)
    assert lines[-1] == "time    3.2 s"


def test_options_become_axes_and_settings(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    cli("benchmark", "photos", "leaves", "--backbones", "lite0, lite2", "--sizes", "160,224",
        "--strategies", "probe,full", "--vary", "head.dropout=0.1,0.5", "--seed", "3", "--set",
        "head.folds=3", "--out", tmp_path / "x", "--recipe", "waste", "--offline")  # fmt: skip
    (call,) = calls
    assert call["data"] == ["photos", "leaves"]
    assert call["grid"] == (
        Grid(
            {
                "backbone.name": ["lite0", "lite2"],
                "data.image_size_px": [160, 224],
                "training.strategy": ["probe", "full"],
                "head.dropout": [0.1, 0.5],
            }
        ),
    )
    assert call["config"] == {"backbone": {"offline": True}, "seed": 3}
    assert (call["assignments"], call["recipe"]) == (["head.folds=3"], "waste")


def test_options_replace_the_files_axes(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text("- {heads: [linear, knn], seeds: [1, 2]}\n- {heads: gap}\n")
    cli("benchmark", "photos", "--grid", file, "--heads", "svm")
    assert [grid.axes for grid in calls[0]["grid"]] == [
        {"head.name": ["svm"], "seed": [1, 2]},
        {"head.name": ["svm"]},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "160,big"], "expected pixels"),
        (["--vary", "head.dropout"], "expected dotted.key"),
        (["--vary", "head.folds=2,3", "--vary", "head.folds=4"], "given twice"),
        (["--heads", "svm", "--vary", "head.name=knn"], "as another axis"),
        (["--grid", "nowhere.yaml"], "cannot read"),
    ],
)
def test_a_mistake_is_named(
    cli: Any, calls: list[dict[str, Any]], options: list[str], message: str
) -> None:
    outcome = cli("benchmark", "photos", *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert not calls


def test_json_and_csv(cli: Any, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    outcome = cli("benchmark", "photos", "--heads", "svm", "--json", "-", "--csv", tmp_path / "t")
    (board,) = json.loads(outcome.out)["data"]
    assert [it["name"] for it in board["runs"]] == ["a", "b", "c"]
    assert board["pareto_front"] == ["a"]
    with (tmp_path / "t").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "failed"]
    assert rows[0]["accuracy"] == "0.995"
