"""A search is a function of its seed; stopping it changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.config.search_space import Dimension
from headstart.selection.importance import importances
from headstart.selection.study import PrunedError, Study, TrialRecord

SPACE = (
    Dimension("a", low=1e-4, high=1.0, log=True),
    Dimension("b", choices=([1, 2], "x", None)),
    Dimension("c", low=1, high=9, whole=True),
)


def search(file: Path, trials: int, *, seed: int = 0) -> Study:
    """Minimise (log a + 2)²; trial 0 lies at a = 1."""
    study = Study(file, seed=seed)
    if not study.trials:
        facts = {"accuracy": 0.5}
        study.add(SPACE, TrialRecord(0, "complete", 9.0, {"a": 1.0}, facts), {"a": 1.0, "c": 99})
    while len(study.trials) < trials:
        trial = study.ask()
        values = [trial.suggest(dimension) for dimension in SPACE]
        value = float((np.log10(values[0]) + 2) ** 2)
        study.tell(trial, TrialRecord(trial.number, "complete", value, trial.values, {"n": 1}))
    return study


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    file = tmp_path_factory.mktemp("study") / "trials.db"
    return file, search(file, 24)


def test_values_are_of_the_kinds_that_were_asked_for(done: tuple[Path, Study]) -> None:
    for trial in done[1].trials[1:]:
        assert 1e-4 <= trial.values["a"] <= 1
        assert trial.values["b"] in ([1, 2], "x", None)
        assert isinstance(trial.values["c"], int)


def test_it_finds_what_is_good(done: tuple[Path, Study]) -> None:
    late = [abs(np.log10(trial.values["a"]) + 2) for trial in done[1].trials[16:]]
    assert np.median(late) < 0.7


def test_what_is_stored_is_what_was_tried(done: tuple[Path, Study]) -> None:
    file, study = done
    again = Study(file, seed=0)
    assert again.trials == study.trials
    assert again.trials[0].facts == {"accuracy": 0.5}


def test_a_stopped_search_goes_on_with_the_trials_it_would_have_had(
    done: tuple[Path, Study], tmp_path: Path
) -> None:
    stopped = search(tmp_path / "trials.db", 13)
    stopped.ask().suggest(SPACE[0])  # killed here
    resumed = search(tmp_path / "trials.db", 16)
    assert [t.values for t in resumed.trials] == [t.values for t in done[1].trials[:16]]
    other = search(tmp_path / "other.db", 3, seed=1)
    assert other.trials[1].values != done[1].trials[1].values


def test_trials_that_fall_behind_are_given_up(tmp_path: Path) -> None:
    study = Study(tmp_path / "trials.db", seed=0, most_epochs=9)
    study.add(SPACE, TrialRecord(0, "complete", 0.5, {}, epochs=(0.6, 0.5)), {})
    for _ in range(12):
        trial = study.ask()
        bad = trial.suggest(Dimension("bad", choices=(0, 1)))
        losses: list[float] = []
        try:
            for epoch in range(1, 10):
                losses.append(bad + 1 / epoch)
                trial.report(losses[-1], epoch)
        except PrunedError:
            record = TrialRecord(trial.number, "pruned", None, trial.values, epochs=tuple(losses))
        else:
            record = TrialRecord(
                trial.number, "complete", losses[-1], trial.values, epochs=tuple(losses)
            )
        study.tell(trial, record)
    pruned = [trial for trial in study.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.value is None and 0 < len(trial.epochs) < 9 for trial in pruned)
    assert study.trials == Study(tmp_path / "trials.db", seed=0, most_epochs=9).trials
    failed = study.ask()
    study.tell(failed, TrialRecord(failed.number, "failed", None, {}, {"reason": "diverged"}))
    assert study.trials[-1].facts == {"reason": "diverged"}


def test_what_decides_is_the_most_important(done: tuple[Path, Study]) -> None:
    shares = importances(done[1].trials, SPACE)
    assert next(iter(shares)) == "a"
    assert shares["a"] > 0.7
    assert sum(shares.values()) == pytest.approx(1)
    assert importances(done[1].trials[:5], SPACE) == {}
    alike = [TrialRecord(n, "complete", 1.0, {"a": 0.1 * n}) for n in range(1, 30)]
    assert importances(alike, SPACE) == {}


def test_a_setting_that_not_every_trial_has_counts_where_it_is() -> None:
    rng = np.random.default_rng(0)
    space = (Dimension("kind", choices=("p", "q")), Dimension("x", low=0.0, high=1.0))
    trials = []
    for number in range(60):
        kind, x = rng.choice(["p", "q"]), float(rng.random())
        values = {"kind": str(kind)} | ({"x": x} if kind == "q" else {})
        trials.append(TrialRecord(number, "complete", 1 + x if kind == "q" else 0.5, values))
    shares = importances(trials, space)
    assert min(shares.values()) > 0.05
