from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.backbones.catalog import find_backbone
from headstart.cli.rank_table import WIDTH
from headstart.evaluation import wilson
from headstart.selection.ranking import Cost, FailedBackbone, Judged, RankResult, rank_judged
from headstart.selection.scoring import BackboneScores


def judged(name: str, hits: int) -> Judged:
    share, right = wilson(hits, 200), np.arange(200) < hits
    scores = BackboneScores(share, "all", 1e-4, 0.5, share, 0.123, 2.25, 1.75, right)
    cost = Cost(0.1234, 1_005_300_000, 4_021_000_000)
    return Judged(replace(find_backbone("lite0"), name=name), 224, scores, cost)


RESULT = RankResult(
    source="a/folder/" * 9,
    images=1_234_567,
    sampled=200,
    classes=1000,
    base=0.3,
    geometry="squash",
    engine="openvino bf16",
    ranked=rank_judged(
        [judged("timm/a_network_with_a_very_long_name", 199), judged("b", 198), judged("c", 100)]
    ),
    failed=(FailedBackbone("lost", "its weights are not here: " + "bring them " * 12),),
    notes=("a note " * 30,),
    timings_s={"total": 3.21},
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of a ranking."""
    asked: list[dict[str, Any]] = []

    def rank(data: str, backbones: list[str], **options: Any) -> RankResult:
        asked.append({"data": data, "backbones": backbones, **options})
        return RESULT

    monkeypatch.setattr("headstart.workflows.rank.rank", rank)
    return asked


def test_a_table_that_fits_a_terminal(cli: Any, calls: list[dict[str, Any]]) -> None:
    lines = cli("rank", "photos").out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    places = [line[:3].strip() for line in lines[3:7]]
    assert places == ["1=", "1=", "3", "-"]
    assert "99.5 [97.2, 99.9]" in lines[3]
    assert "<.001" in lines[5]
    assert any(line.startswith("take timm/a_network") for line in lines)
    assert lines[-1] == "time    3.2 s"
    assert calls[0]["backbones"] == []


def test_tables_are_written_where_they_are_wanted(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    outcome = cli("rank", "photos", "--json", tmp_path / "r.json", "--csv", tmp_path / "r.csv")
    assert outcome.out.splitlines()[-3:-1] == [
        f"json    {tmp_path / 'r.json'}",
        f"csv     {tmp_path / 'r.csv'}",
    ]
    assert json.loads((tmp_path / "r.json").read_text())["choice"] == RESULT.choice.name
    with (tmp_path / "r.csv").open() as stream:
        assert [row["backbone"] for row in csv.DictReader(stream)][-1] == "lost"


def test_json_on_the_terminal_is_nothing_but_json(cli: Any, calls: list[dict[str, Any]]) -> None:
    assert json.loads(cli("rank", "photos", "--json", "-").out)["sampled"] == 200


def test_options_reach_the_workflow(cli: Any, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    options = ["--backbones", "lite0, lite2,", "--images", "50", "--out", tmp_path / "r.html"]
    more = ["--seed", "3", "--geometry", "pad", "--imgsz", "128", "--taps", "final", "--allow-bad"]
    assert cli("rank", "photos", *options, *more, "--set", "head.folds=4").code == 0
    (call,) = calls
    config = call["config"]
    assert (call["backbones"], call["images"]) == (["lite0", "lite2"], 50)
    assert call["out"] == tmp_path / "r.html"
    assert (config.seed, config.data.geometry, config.data.image_size_px) == (3, "pad", 128)
    assert (config.head.taps, config.head.folds, config.data.allow_bad) == ("final", 4, True)


def test_a_file_that_exists_is_kept(cli: Any, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("mine")
    outcome = cli("rank", "photos", "--csv", tmp_path / "r.csv")
    assert outcome.code == 2
    assert "exists already" in outcome.err
    assert calls == []


def test_mistakes_are_told_without_a_traceback(cli: Any, tmp_path: Path) -> None:
    unknown = cli("rank", tmp_path, "--backbones", "lite9")
    few = cli("rank", tmp_path, "--images", "1")
    assert (unknown.code, few.code) == (2, 2)
    assert "unknown backbone 'lite9'" in unknown.err
    assert "give 2 or more" in few.err
