"""A search: judged on validation answers, stopped and gone on with, its winner judged once."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from headstart.backbones.graph import BackboneGraph
from headstart.config import build_config
from headstart.errors import ConfigError, DataError, TrainingError
from headstart.evaluation import Estimate, wilson
from headstart.evaluation.comparison import PairedTest
from headstart.progress import Silent
from headstart.selection.study import TrialRecord
from headstart.workflows import tune_job
from headstart.workflows.contest import Contest
from headstart.workflows.train_result import TrainResult
from headstart.workflows.tune import tune
from headstart.workflows.tune_fine_trials import TuningTrials
from headstart.workflows.tune_record import RESULT, TuneRecord
from headstart.workflows.tune_result import TuneResult
from headstart.workflows.tune_search import best_of, words_of
from headstart.workflows.tune_trials import Answered, HeadTrials, figures_of, minimised

CONFIG: dict[str, Any] = {
    "data": {"image_size_px": 96, "geometry": "squash"},
    "head": {"folds": 2},
    "judgement": {"resamples": 100},
}
TRIALS = 6
SPACE: dict[str, Any] = {
    "head.name": ["linear", "knn"],
    "head.taps": ["final", "all"],
    "head.strength": {"low": 1e-6, "high": 1e-2, "log": True},
    "head.neighbours": {"low": 2, "high": 9},
}


class Searched(NamedTuple):
    photos: Path
    cache: Path
    result: TuneResult


@pytest.fixture(scope="module")
def searched(
    tmp_path_factory: pytest.TempPathFactory,
    image_folder: Callable[..., Path],
    lite0_graph: BackboneGraph,
) -> Searched:
    """A whole search on 3 x 12 photos."""
    root = tmp_path_factory.mktemp("searched")
    photos = image_folder(root / "photos", "cat", "dog", "eel", per_class=12)
    cache = root / "cache"
    graphs = lite0_graph.path.parent.parent
    shutil.copytree(graphs, cache / graphs.name)
    result = tune(
        photos, trials=TRIALS, space=SPACE, config=CONFIG, out=root / "search", cache=cache
    )
    return Searched(photos, cache, result)


def test_a_search_leaves_its_trials_its_page_and_a_run(searched: Searched) -> None:
    result = searched.result
    assert {path.name for path in result.folder.iterdir()} == {
        "history.png",
        "run",
        "search.json",
        "trials.csv",
        "trials.db",
        "tune.html",
        "tune.json",
        "winner.yaml",
    }
    with (result.folder / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["trial"]) for row in rows] == list(range(TRIALS))
    assert rows[0]["head.name"] == "linear"
    assert float(rows[0]["head.strength"]) > 0
    knn = [row for row in rows if row["head.name"] == "knn"]
    assert all(row["head.neighbours"] and not row["head.strength"] for row in knn)
    found = json.loads((result.folder / RESULT).read_text())
    assert found["trials"] == TRIALS
    assert found["verdict"] == result.headline
    assert found["test"]["n"] == 3
    winner = yaml.safe_load((result.folder / "winner.yaml").read_text())
    assert build_config(winner).head.name == result.winner.values["head.name"]
    assert (result.run.bundle / "graph.onnx").exists()


def test_images_that_decide_are_never_the_test_images(searched: Searched) -> None:
    assert {trial.facts["images"] for trial in searched.result.trials} == {33}


def test_trial_0_is_what_train_alone_would_choose(searched: Searched) -> None:
    fresh = searched.result.default.facts
    run = json.loads((searched.result.run.folder / "metrics.json").read_text())
    if searched.result.keeps_default:
        assert run["validation"]["accuracy"]["value"] == pytest.approx(fresh["accuracy"])


def test_a_stopped_search_goes_on_with_the_same_trials(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    real = HeadTrials.judge

    def interrupted(self: HeadTrials, config: Any, report: Any) -> Answered:
        if len(judged) == 3:
            raise KeyboardInterrupt
        judged.append(config.head.name)
        return real(self, config, report)

    said: list[str] = []
    told = Silent()
    monkeypatch.setattr(told, "say", said.append, raising=False)
    again = {"trials": TRIALS, "space": SPACE, "config": CONFIG, "cache": searched.cache}
    out = tmp_path / "search"
    monkeypatch.setattr(HeadTrials, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune(searched.photos, out=out, progress=told, **again)
    assert said[-1] == f"all trials are kept; to go on: headstart tune --resume {out}"
    assert len((out / "trials.csv").read_text().splitlines()) == 4
    with pytest.raises(ConfigError, match="holds a stopped search with other settings"):
        tune(searched.photos, out=out, **{**again, "metric": "accuracy"})

    monkeypatch.setattr(HeadTrials, "judge", real)
    stub = searched.result.run
    monkeypatch.setattr(tune_job, "train", lambda *_, **__: stub)
    gone_on = tune(searched.photos, out=out, **again)
    first = [(t.values, t.value, t.state) for t in searched.result.trials]
    assert [(t.values, t.value, t.state) for t in gone_on.trials] == first
    with pytest.raises(ConfigError, match="is finished: its winner was judged"):
        tune(resume=out)


def test_images_that_changed_are_noticed(searched: Searched, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    folder.mkdir()
    record = TuneRecord.read(searched.result.folder)
    assert record is not None
    record.model_copy(update={"data_digest": "0" * 32}).write(folder)
    with pytest.raises(DataError, match="has changed since the search began"):
        tune(resume=folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "precision"}, "metric 'precision' is unknown"),
        ({"trials": 0}, "0 trials are none"),
        ({"budget": "soon"}, "budget: 'soon' is no length of time"),
        ({"space": {"head.strenght": [1]}}, "did you mean head.strength"),
        ({"config": {"training": {"strategy": "auto"}}}, "the strategy auto makes its own plan"),
        ({"config": {"head": {"name": "svm", "C": 1.0, "taps": "all"}}}, "nothing to search"),
        ({"config": {"head": {"cross_validate": 3}, "training": {"strategy": "full"}}}, "--folds"),
    ],
)
def test_mistakes_are_refused_before_the_data_is_opened(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        tune(tmp_path / "nowhere", out=tmp_path / "search", **options)
    assert not (tmp_path / "search").exists()


def test_a_resume_takes_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out data"):
        tune("photos", resume=tmp_path)
    with pytest.raises(ConfigError, match="is no search of headstart tune"):
        tune(resume=tmp_path)
    with pytest.raises(ConfigError, match="tune needs data"):
        tune()


def test_the_time_is_kept(searched: Searched, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tune_job, "train", lambda *_, **__: searched.result.run)
    out = tmp_path / "search"
    options = {"space": SPACE, "config": CONFIG, "out": out, "cache": searched.cache}
    result = tune(searched.photos, budget="0.001s", **options)
    assert len(result.trials) == 1
    assert result.keeps_default
    assert result.headline == "no trial of 1 was better than the default"


class Stub:
    """Judges by a table, as if it trained."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.kept: list[int] = []

    def judge(self, config: Any, report: Callable[[float, int], None]) -> Answered:
        rate = config.training.phases[0].optimiser.learning_rate
        if self.broken and rate != 1e-3:
            raise TrainingError("the loss became nan")
        good = 3.0 if rate < 1e-3 else 1.0
        for epoch in (1, 2, 3):
            report(1 / good / epoch, epoch)
        logits = np.eye(2)[np.arange(40) % 2] * good
        return Answered(np.arange(40), logits, "3 epochs")

    def place(self, *_: Any) -> dict[str, Any]:
        return {}

    def keep(self, number: int, answered: Answered) -> None:
        self.kept.append(number)


@pytest.mark.parametrize("broken", [False, True])
def test_failures_are_passed_over_and_winners_kept(tmp_path: Path, broken: bool) -> None:
    from headstart.config.search_space import parse_space
    from headstart.selection.search_spaces import Candidates
    from headstart.selection.study import Study
    from headstart.workflows.tune_search import Limits, Search

    rate = "training.phases.*.optimiser.learning_rate"
    space = parse_space({rate: [1e-4, 1e-2]})
    base = build_config({"training": {"phases": [{"epochs": 3}]}})
    study, judge = Study(tmp_path / "trials.db", seed=0, most_epochs=3), Stub(broken)
    targets = np.arange(40) % 2
    targets[:4] = 1 - targets[:4]
    search = Search(
        study,
        Candidates(base, space),
        judge,  # type: ignore[arg-type]
        metric="log-loss",
        targets=targets,
        classes=2,
        progress=Silent(),
    )
    search.run(Limits(6, float("inf"), retrains=True))
    trials = study.trials
    assert len(trials) == 6
    assert judge.kept[0] == 0
    if broken:
        assert {trial.state for trial in trials[1:]} == {"failed"}
        assert "the loss became nan" in words_of(trials[1])
        assert best_of(trials).number == 0
        return
    assert trials[0].epochs == (1.0, 0.5, pytest.approx(1 / 3))
    again = [t for t in trials[2:] if t.seconds == 0 and t.state == "complete"]
    assert again, "the same settings are not tried twice"


def answers(*, right: int, sure: float) -> np.ndarray:
    """Logits for 200 images of class 0 and 1 in turn, the first ``right`` of them right."""
    logits = sure * np.eye(2)[np.arange(200) % 2]
    logits[right:] *= -1
    return logits


def test_the_luck_of_the_best_of_many_is_reckoned_with(tmp_path: Path) -> None:
    judge = TuningTrials.__new__(TuningTrials)
    judge._folder = tmp_path
    judge._data = FakeData()  # type: ignore[assignment]
    judge.keep(0, Answered(np.arange(200), answers(right=170, sure=2.0), ""))
    judge.keep(7, Answered(np.arange(200), answers(right=180, sure=2.0), ""))
    config = build_config({})
    alone = judge.confirm((7, config), config, 1)
    many = judge.confirm((7, config), config, 40)
    assert alone.wins
    assert alone.test.p_value == pytest.approx(2 * 0.5**10)
    assert many.test.p_value == pytest.approx(40 * 2 * 0.5**10)
    assert many.likelier == pytest.approx(min(1.0, 40 * alone.likelier))


class FakeData:
    """200 validation images."""

    def rows(self, split: str) -> np.ndarray:
        assert split == "val"
        return np.arange(200)

    def targets(self) -> np.ndarray:
        return np.arange(200) % 2


def test_figures_of_a_trial() -> None:
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    figures = figures_of(Answered(np.array([0, 1, 2]), logits, ""), np.array([0, 1, 1]), 2)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    assert minimised(figures, "accuracy") == pytest.approx(1 / 3)
    assert minimised(figures, "log-loss") == figures["log-loss"]


def contest(*, p_value: float, likelier: float) -> Contest:
    test = PairedTest(9, 3, p_value, Estimate(0.03, -0.01, 0.07))
    return Contest((0.95, 0.92), test, (0.2, 0.3), likelier, 200)


@pytest.mark.parametrize(
    ("found", "kept"),
    [(contest(p_value=0.2, likelier=0.3), True), (contest(p_value=0.01, likelier=0.3), False)],
)
def test_the_verdict_in_words(tmp_path: Path, found: Contest, kept: bool) -> None:
    facts = {"log-loss": 0.2, "accuracy": 0.9, "f1": 0.9, "images": 200, "choice": "c"}
    trials = tuple(TrialRecord(n, "complete", 0.3 - 0.1 * n, {}, facts) for n in (0, 1))
    judgement = type("J", (), {"to_json": lambda self: {"accuracy": wilson(9, 10).to_json()}})()
    run = TrainResult(tmp_path, judgement, judgement, (), {})
    result = TuneResult(tmp_path, run, trials, (), "log-loss", trials[1], found, True, {}, (), 1.0)
    assert result.keeps_default is kept
    assert result.winner is trials[0 if kept else 1]
    assert result.headline.startswith("the default is kept" if kept else "trial 1 is better")
    assert "on other folds" in result.headline
    assert result.to_json()["keeps_default"] is kept


def test_fine_tuning_is_searched_epoch_by_epoch(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune_job, "train", lambda *_, **__: searched.result.run)
    phase = {"train": "last 1 stages", "epochs": 1, "batch_size": 8}
    data = {**CONFIG["data"], "val": 0.3}
    result = tune(
        searched.photos,
        trials=2,
        space={"training.phases.*.optimiser.learning_rate": [1e-4, 1e-3]},
        config={**CONFIG, "data": data, "training": {"phases": [phase], "arithmetic": "f32"}},
        out=tmp_path / "search",
        cache=searched.cache,
    )
    default, trial = result.trials
    assert len(default.epochs) == len(trial.epochs) == 1
    assert default.values == {"training.phases.*.optimiser.learning_rate": 1e-3}
    assert 8 <= default.facts["images"] <= 12
    assert not result.fresh
    if result.contest:
        assert "p times 2 trials" in result.headline
