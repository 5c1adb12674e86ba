"""A folder of runs as the service shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.errors import DataError
from headstart.evaluation.contest import hold_contest
from headstart.evaluation.leaderboard import places
from headstart.workflows.served_runs import ServedRuns

NAMES = [f"{label}/{n}.png" for label in ("cat", "dog") for n in range(20)]
GOOD = {name: name.split("/")[0] for name in NAMES}
BAD = dict.fromkeys(NAMES, "cat")


@pytest.fixture
def photos(tmp_path: Path, image_folder: Any) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", per_class=20)


def names(listing: dict[str, Any]) -> list[list[str]]:
    return [[row["name"] for row in board["runs"]] for board in listing["boards"]]


def test_runs_are_ranked_among_those_on_the_same_images(tmp_path, photos, store_run) -> None:
    for name, said in {"worse": BAD, "best": GOOD, "deep/er/also": GOOD}.items():
        store_run(tmp_path / "runs" / name, photos, said)
    store_run(tmp_path / "runs" / "few", photos, {name: GOOD[name] for name in NAMES[15:25]})
    listing = ServedRuns(tmp_path / "runs").listing()
    assert names(listing) == [["best", "deep/er/also", "worse"], ["few"]]
    board, alone = listing["boards"]
    assert [(row["place"], row["tied"]) for row in board["runs"]] == [
        (1, True),
        (1, True),
        (3, False),
    ]
    assert (board["data"], board["test_images"]) == ("photos", 40)
    assert alone["runs"][0]["place"] is None
    json.dumps(listing)


def test_places_are_those_of_a_contest() -> None:
    rng = np.random.default_rng(0)
    targets = np.zeros(300, np.int64)
    said = {
        f"{share}": (rng.random(300) > share).astype(np.int64) for share in (0.6, 0.7, 0.72, 0.9)
    }
    contest = hold_contest(said, targets, classes=["a", "b"], resamples=20)
    expected = {standing.name: standing.place for standing in contest.standings}
    assert places({name: values == 0 for name, values in said.items()}) == expected


def test_a_run_that_changes_is_read_again(tmp_path, photos, store_run) -> None:
    folder = store_run(tmp_path / "runs" / "a", photos, BAD)
    served = ServedRuns(tmp_path / "runs")
    first = served.listing()["boards"][0]["runs"][0]["metrics"]["accuracy"]["value"]
    store_run(folder, photos, GOOD)
    second = served.listing()["boards"][0]["runs"][0]["metrics"]["accuracy"]["value"]
    assert (first, second) == (0.5, 1)


def test_a_run_itself_is_a_folder_of_one(tmp_path, photos, store_run) -> None:
    store_run(tmp_path / "waste", photos, GOOD)
    assert names(ServedRuns(tmp_path / "waste").listing()) == [["waste"]]


def test_figures_without_answers_are_listed_and_not_placed(tmp_path, photos, store_run) -> None:
    for name in ("a", "b"):
        (store_run(tmp_path / "runs" / name, photos, GOOD) / "predictions.csv").unlink()
    listing = ServedRuns(tmp_path / "runs").listing()
    assert [row["place"] for row in listing["boards"][0]["runs"]] == [None, None]


def test_unfinished_runs_and_odd_names_do_no_harm(tmp_path, photos, store_run) -> None:
    root = tmp_path / "runs"
    store_run(root / ".waste.partial-7", photos, GOOD)
    store_run(root / ".hidden", photos, GOOD)
    store_run(Path(str(root / "odd") + "\udcff"), photos, GOOD)
    listing = ServedRuns(root).listing()
    assert names(listing) == []
    assert listing["broken"] == [
        {"name": ".waste.partial-7", "reason": "unfinished: under way, or stopped"},
        {"name": "odd?", "reason": "its name is no text"},
    ]


def test_keys_that_were_not_given_out_are_no_reports(tmp_path, photos, store_run) -> None:
    folder = store_run(tmp_path / "runs" / "a", photos, GOOD)
    (folder / "report.html").write_text("a report")
    served = ServedRuns(tmp_path / "runs")
    key = served.listing()["boards"][0]["runs"][0]["report"]
    assert served.report(key) == folder / "report.html"
    assert served.report("a") is None
    assert served.report(str(folder / "report.html")) is None
    (folder / "report.html").unlink()
    assert served.report(key) is None


def test_a_folder_that_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        ServedRuns(tmp_path / "nowhere")
