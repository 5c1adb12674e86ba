"""A range test from a folder of images: training images only, and a rate to go on with."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.config import build_config, set_dotted
from headstart.data.manifest import Manifest
from headstart.errors import ConfigError, UnknownNameError
from headstart.training.fine_tuning import FineTuning
from headstart.training.rate_curve import RateCurve
from headstart.workflows import batch_head, fine_tuning
from headstart.workflows.lr_find import LrFindResult, lr_find

CONFIG: dict[str, Any] = {
    "data": {"image_size_px": 64, "geometry": "squash"},
    "head": {"folds": 2},
    "training": {"augmentation": {"horizontal_flip": True}},
}
RANGE: dict[str, Any] = {"start": 1e-4, "end": 1e-2, "steps": 12, "batch_size": 4}


@pytest.fixture(scope="module")
def photos_folder(tmp_path_factory, image_folder) -> Path:
    return image_folder(tmp_path_factory.mktemp("photos"), "cat", "dog", per_class=20)


@pytest.fixture(scope="module")
def found(tmp_path_factory, photos_folder: Path) -> tuple[LrFindResult, set[str | None]]:
    """A test of a range, and the splits of all images whose pixels were looked at."""
    root = tmp_path_factory.mktemp("found")
    seen: set[str | None] = set()
    take = Manifest.take

    def noted(self: Manifest, rows: Any) -> Manifest:
        smaller = take(self, rows)
        if len(smaller) < len(self):
            seen.update(smaller.splits)
        return smaller

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Manifest, "take", noted)
        result = lr_find(
            photos_folder,
            config=CONFIG,
            train="last 1 stages",
            out=root / "plots" / "rates.png",
            cache=root / "cache",
            **RANGE,
        )
    assert not list((root / "cache").glob("lr-find-*"))
    return result, seen


def test_it_measures_what_was_asked_for(found) -> None:
    result, _ = found
    assert result.phase.train == "last 1 stages"
    assert result.phase.batch_size == 4
    assert result.curve.rates[0] == pytest.approx(1e-4)
    assert len(result.curve.losses) <= 12
    assert np.isfinite(result.curve.losses).all()


def test_only_training_images_are_used(found) -> None:
    result, seen = found
    assert seen == {"train"}
    assert result.images == 32


def test_too_few_images_are_said_with_figures(found) -> None:
    result, _ = found
    (note,) = (note for note in result.notes if "too small" in note)
    assert "32 training images make 8 batches of 4" in note
    assert "need 10" in note


def test_plot_and_curve_are_written(found) -> None:
    result, _ = found
    assert result.plot is not None
    assert result.plot.read_bytes().startswith(b"\x89PNG")
    with result.table.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["loss"]) for row in rows] == result.curve.losses.tolist()
    assert list(rows[0]) == ["learning_rate", "loss", "smoothed"]


def test_json_holds_it_all(found) -> None:
    about = json.loads(json.dumps(found[0].to_json()))
    assert len(about["rates"]) == len(about["losses"]) == len(about["smoothed"])
    assert about["phase"]["train"] == "last 1 stages"


def curve(*, clear: bool) -> RateCurve:
    rates = np.geomspace(1e-7, 1, 80)
    fall = np.clip(np.log10(rates) + 6, 0, 3) if clear else np.zeros(80)
    return RateCurve(rates, 3 - fall, diverged=True)


def made(phase: dict[str, Any], *later: dict[str, Any], clear: bool = True) -> LrFindResult:
    measured = curve(clear=clear)
    first, *rest = build_config({"training": {"phases": [phase, *later]}}).training.phases
    return LrFindResult(
        curve=measured,
        suggestions=measured.suggest() if clear else None,
        phase=first,
        later=tuple(rest),
        images=100,
        notes=(),
        plot=None,
        table=None,
        timings_s={},
    )


def test_the_assignment_trains_the_phase_at_the_suggested_rate() -> None:
    phase = {
        "train": "last 2 stages",
        "optimiser": {"name": "sgd", "momentum": 0.9, "learning_rate": 5.0},
        "early_stopping": {"patience": 2},
        "mixup": 0.2,
    }
    result = made(phase)
    config = build_config(set_dotted({}, [result.assignment]))
    assert result.suggestion is not None
    (again,) = config.training.phases
    assert again.optimiser.learning_rate == pytest.approx(result.suggestion, rel=0.05)
    rate = {"learning_rate": 5.0}
    optimiser = again.optimiser.model_copy(update=rate)
    assert again.model_copy(update={"optimiser": optimiser}) == result.phase


def test_the_assignment_keeps_the_phases_behind() -> None:
    result = made({"train": "head"}, {"train": "all", "optimiser": {"learning_rate": 1e-5}})
    first, second = build_config(set_dotted({}, [result.assignment])).training.phases
    assert first.train == "head"
    assert second == result.later[0]


def test_batch_norms_that_train_start_from_the_head_that_training_starts_from(
    photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refitted = []
    real = fine_tuning.on_batch_statistics
    monkeypatch.setattr(
        fine_tuning, "on_batch_statistics", lambda *a, **k: refitted.append(1) or real(*a, **k)
    )
    config = {**CONFIG, "training": {"phases": [{"batch_norm": "train"}]}}
    assert lr_find(photos_folder, config=config, **RANGE).curve.losses[0] < 5
    assert refitted == [1]


def test_the_longer_the_training_the_more_images_that_head_is_fitted_on(
    photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = FineTuning.adopt_statistics

    def noted(job: FineTuning, rows: Any, arithmetic: Any) -> Any:
        seen.append(len(rows))
        return real(job, rows, arithmetic)

    monkeypatch.setattr(batch_head, "_FEWEST_IMAGES", 4)
    monkeypatch.setattr(FineTuning, "adopt_statistics", noted)
    for epochs in (1, 5, 50):
        phases = [{"batch_norm": "train", "epochs": epochs}]
        lr_find(photos_folder, config={**CONFIG, "training": {"phases": phases}}, **RANGE)
    few, more, every = seen
    assert few == 4  # of some 30: a head needs a few
    assert few < more < every


def test_a_cycle_peaks_where_the_loss_is_lowest() -> None:
    steady, cycle = made({}), made({"schedule": {"name": "one-cycle"}})
    assert steady.suggestions is not None
    assert steady.suggestion == steady.suggestions.valley
    assert cycle.suggestion == pytest.approx(10 * steady.suggestions.minimum_tenth)


def test_no_clear_fall_suggests_nothing() -> None:
    result = made({}, clear=False)
    assert result.suggestion is None
    assert result.to_json()["suggestions"] is None


def test_the_network_is_as_it_was_and_trains_on_as_if_nothing_was(
    photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headstart.training.fine_tuning import FineTuning

    states = []
    real = FineTuning.find_rates

    def checked(self: FineTuning, *args: Any) -> RateCurve:
        before = {n: t.clone() for n, t in self.network.state_dict().items()}
        curve = real(self, *args)
        after = self.network.state_dict()
        states.append(all(t.equal(after[n]) for n, t in before.items()))
        return curve

    monkeypatch.setattr(FineTuning, "find_rates", checked)
    phase = {"batch_norm": "train", "dropout": 0.2}
    config = {**CONFIG, "training": {"phases": [phase]}}
    headstart.lr_find(photos_folder, config=config, **RANGE)
    assert states == [True]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"steps": 3}, ConfigError, "3 steps are too few"),
        ({"out": "rates.gif"}, ConfigError, "ends in .png"),
        ({"batch_size": 0}, ConfigError, "batch_size"),
        ({"config": {"training": {"augmentation": {"preset": "wst"}}}}, UnknownNameError, "waste"),
    ],
)
def test_mistakes_are_refused_before_any_work(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        lr_find(tmp_path / "nowhere", **options)
