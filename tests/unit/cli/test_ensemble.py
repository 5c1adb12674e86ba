"""``headstart ensemble``: what was chosen, what it came to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.evaluation import judge
from headstart.evaluation.comparison import mcnemar
from headstart.evaluation.pooling import fit_pool, try_pools
from headstart.workflows.contest import hold_against

TARGETS = np.arange(40) % 2
SHARES = np.stack([np.eye(2)[TARGETS] * 0.8 + 0.1, np.full((40, 2), 0.5)])


def result(folder: Path | None) -> SimpleNamespace:
    contest = hold_against(np.log(SHARES[0]), np.log(SHARES[1]), TARGETS)
    right = SHARES.argmax(axis=2) == TARGETS
    return SimpleNamespace(
        folder=folder,
        members=("lite0", "lite1"),
        best="lite1",
        rival="its best member, lite1",
        pool=fit_pool("average", SHARES, TARGETS),
        trials=tuple(try_pools(SHARES, TARGETS).values()),
        contest=contest,
        won=folder is not None,
        test=judge(SHARES[0], TARGETS, classes=["a", "b"], resamples=10),
        gain=mcnemar(right[0], right[1]),
        bundle=SimpleNamespace(
            parity=(SimpleNamespace(largest_difference=0.004, images=64, precision="bf16"),)
        ),
        notes=("joined by the members' answers to 40 images",),
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for; what is asked to lose loses."""
    asked: list[dict[str, Any]] = []

    def ensemble(runs: list[Path], *, out: Path, **options: Any) -> SimpleNamespace:
        asked.append({"runs": runs, **options})
        return result(None if out.name == "loser" else out)

    monkeypatch.setattr("headstart.workflows.ensemble.ensemble", ensemble)
    return asked


def test_an_ensemble_that_wins_is_shown_with_its_figures(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    outcome = cli("ensemble", "a", "b", "--out", tmp_path / "both", "--method", "average")
    assert outcome.code == 0, outcome.err
    assert calls[0]["runs"] == [Path("a"), Path("b")]
    assert calls[0]["method"] == "average"
    assert "weights  lite0 0.50, lite1 0.50" in outcome.out
    assert "it beats its best member, lite1" in outcome.out
    assert "accuracy  1.000 [0.912, 1.000]" in outcome.out
    assert f"bundle   {tmp_path / 'both' / 'bundle'}" in outcome.out


def test_one_that_does_not_win_says_that_nothing_was_written(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    outcome = cli("ensemble", "a", "b", "--out", tmp_path / "loser")
    assert outcome.code == 0, outcome.err
    assert len(calls) == 1
    assert "does not beat its best member" in outcome.out
    assert "nothing was written; --anyway" in outcome.out
    assert "locked test" not in outcome.out


def test_a_taken_folder_is_refused_at_once(cli: Any, tmp_path: Path) -> None:
    outcome = cli("ensemble", "a", "b", "--out", tmp_path)
    assert outcome.code == 2
    assert "never overwritten" in outcome.err
