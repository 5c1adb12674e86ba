"""The probe: it finds the signal, honours its settings and never looks where it must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.config import HeadConfig
from headstart.errors import UnknownNameError
from headstart.features.table import ArrayFeatures, Features
from headstart.heads.linear import LinearHead
from headstart.heads.probe import ProbeFit, ProbeTask, cross_validate, fit_probe
from headstart.progress import Silent

WIDTH = 12
LAYOUT = FeatureLayout(
    (
        FeatureBlock("blocks.1", "mean", WIDTH),
        FeatureBlock("blocks.1", "std", WIDTH),
        FeatureBlock("final", "mean", WIDTH),
        FeatureBlock("final", "max", WIDTH),
    )
)
EVERYWHERE = tuple(block.output for block in LAYOUT.blocks)


def task(
    per_class: int = 40,
    classes: int = 3,
    *,
    signal: float = 2.0,
    blocks: tuple[str, ...] = EVERYWHERE,
    seed: int = 0,
    shuffled: bool = False,
) -> ProbeTask:
    """Noise, and in some blocks a different mean for each class."""
    rng = np.random.default_rng(seed)
    targets = np.tile(np.arange(classes), per_class)
    features = rng.normal(size=(len(targets), LAYOUT.dim))
    centres = np.random.default_rng(99).normal(size=(classes, LAYOUT.dim)) * signal
    columns = LAYOUT.columns(blocks)
    features[:, columns] += centres[targets][:, columns]
    if shuffled:
        targets = rng.permutation(targets)
    names = tuple(f"class {number:03d}" for number in range(classes))
    table = ArrayFeatures(features.astype(np.float16))
    return ProbeTask(table, LAYOUT, targets, range(len(targets)), names)


def fit(given: ProbeTask, *, seed: int = 0, **settings: object) -> ProbeFit:
    return fit_probe(given, HeadConfig(**settings), seed=seed, progress=Silent())  # type: ignore[arg-type]


def with_features(given: ProbeTask, features: np.ndarray, **changes: object) -> ProbeTask:
    return replace(given, features=ArrayFeatures(features.astype(np.float16)), **changes)


def logits(head: LinearHead, given: ProbeTask) -> np.ndarray:
    return head.logits(given.features, np.arange(len(given.features)), LAYOUT)


def accuracy(found: ProbeFit, given: ProbeTask) -> float:
    return float((logits(found.head, given).argmax(axis=1) == given.targets).mean())


def test_separable_classes_are_told_apart_on_new_images() -> None:
    found = fit(task())
    assert found.chosen.accuracy > 0.99
    assert accuracy(found, task(seed=1)) > 0.99
    assert found.head.classes == ("class 000", "class 001", "class 002")


def test_a_head_is_in_the_units_of_raw_features() -> None:
    given = task(signal=0.5)
    moved = with_features(given, given.features.array * 3 + 5)
    first, second = fit(given, taps="all"), fit(moved, taps="all")
    expected = logits(first.head, given)
    assert np.abs(logits(second.head, moved) - expected).max() < 0.1 * np.abs(expected).max()
    assert first.head.weight.shape == (LAYOUT.dim, 3)
    assert first.head.weight.dtype == first.head.bias.dtype == np.float32


@pytest.mark.parametrize(
    ("blocks", "taps"),
    [(("blocks.1/mean", "blocks.1/std"), "early"), (("final/mean",), "final")],
    ids=["early", "final"],
)
def test_the_taps_that_carry_the_signal_are_chosen(blocks: tuple[str, ...], taps: str) -> None:
    found = fit(task(per_class=30, signal=0.6, blocks=blocks))
    assert found.chosen.taps == found.head.taps == taps
    assert found.head.outputs == LAYOUT.outputs_of(taps)
    assert {candidate.taps for candidate in found.candidates} == set(LAYOUT.tap_sets())


def test_what_is_set_is_not_searched() -> None:
    found = fit(task(), taps="early", strength=0.01)
    assert {(c.taps, c.strength) for c in found.candidates} == {("early", 0.01)}
    with pytest.raises(UnknownNameError, match="did you mean early"):
        fit(task(), taps="erly")


def test_noise_is_penalised_more_than_signal() -> None:
    noisy, clear = fit(task(signal=0.1), taps="all"), fit(task(signal=2), taps="all")
    assert noisy.chosen.strength > clear.chosen.strength


def recall(found: ProbeFit, given: ProbeTask, label: int) -> float:
    answers = logits(found.head, given).argmax(axis=1)
    return float((answers[given.targets == label] == label).mean())


def test_balancing_finds_more_of_the_rare_class() -> None:
    whole = task(per_class=150, classes=2, signal=0.12)
    kept = np.flatnonzero((whole.targets == 0) | (np.arange(len(whole.targets)) < 40))
    rare = with_features(
        whole,
        whole.features.array[kept],
        targets=whole.targets[kept],
        groups=range(len(kept)),
    )
    new = task(per_class=150, classes=2, signal=0.12, seed=1)
    plain, balanced = (fit(rare, taps="all", class_weight=w) for w in (None, "balanced"))
    assert recall(balanced, new, 1) > recall(plain, new, 1) + 0.1


def test_the_same_seed_gives_the_same_head() -> None:
    first, second = fit(task(signal=0.3)), fit(task(signal=0.3))
    np.testing.assert_array_equal(first.head.weight, second.head.weight)
    np.testing.assert_array_equal(first.held_out_logits, second.held_out_logits)
    assert (first.head.temperature, first.candidates) == (
        second.head.temperature,
        second.candidates,
    )


class Watched:
    """Features that remember which of their rows were read."""

    def __init__(self, array: Features) -> None:
        self._table = ArrayFeatures(array)
        self.read_rows: set[int] = set()

    def __len__(self) -> int:
        return len(self._table)

    def read(self, rows: np.ndarray, columns: np.ndarray) -> Features:
        self.read_rows.update(rows.tolist())
        return self._table.read(rows, columns)


def test_rows_beyond_its_targets_are_never_read() -> None:
    given = task()
    watched = Watched(np.concatenate([given.features.array, np.full_like(given.features.array, 9)]))
    found = fit(replace(given, features=watched))
    assert watched.read_rows == set(range(len(given.targets)))
    np.testing.assert_array_equal(found.head.weight, fit(given).head.weight)


def held_out_accuracy(found: ProbeFit, given: ProbeTask) -> float:
    return float((found.held_out_logits.argmax(1) == given.targets[found.held_out_rows]).mean())


def test_held_out_predictions_are_no_better_than_chance_on_shuffled_labels() -> None:
    given = task(per_class=60, signal=2, shuffled=True)
    found = fit(given, taps="all", strength=1e-6)
    assert accuracy(found, given) > 0.6  # the head itself has learned the labels by heart
    assert held_out_accuracy(found, given) < 0.45
    assert found.held_out_rows.tolist() == list(range(180))


def test_copies_of_an_image_are_held_out_together() -> None:
    once = task(per_class=20, signal=0, shuffled=True)
    twice = with_features(
        once,
        np.concatenate([once.features.array] * 2),
        targets=np.concatenate([once.targets] * 2),
        groups=[*range(60), *range(60)],
    )
    assert held_out_accuracy(fit(twice, taps="all", strength=1e-5), twice) < 0.55
    apart = replace(twice, groups=range(120))
    assert held_out_accuracy(fit(apart, taps="all", strength=1e-5), apart) > 0.8


def test_the_figures_are_those_of_the_held_out_predictions() -> None:
    given = task(signal=0.3)
    found = fit(given)
    rows, answers = found.held_out_rows, found.held_out_logits
    assert answers.shape == (len(rows), 3)
    assert found.chosen.images == len(rows)
    assert found.chosen.accuracy == pytest.approx(held_out_accuracy(found, given))
    shifted = answers - np.log(np.exp(answers).sum(axis=1, keepdims=True))
    nll = -shifted[np.arange(len(rows)), given.targets[rows]].mean()
    assert found.chosen.nll == pytest.approx(nll, rel=1e-3)


def test_calibration_makes_confidence_honest() -> None:
    given = task(per_class=100, signal=0.25)
    found = fit(given, taps="all", strength=1e-6)
    assert found.head.temperature > 1.2  # nearly unpenalised: far too sure of itself
    scaled = found.held_out_logits / found.head.temperature
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    confidence = (odds / odds.sum(axis=1, keepdims=True)).max(axis=1)
    assert confidence.mean() == pytest.approx(held_out_accuracy(found, given), abs=0.08)


@pytest.mark.parametrize(("per_class", "classes"), [(40, 2), (3, 4), (6, 100)])
def test_small_and_large_tasks_give_sane_numbers(per_class: int, classes: int) -> None:
    given = task(per_class=per_class, classes=classes)
    found = fit(given)
    assert np.isfinite(found.head.weight).all()
    assert np.isfinite(found.head.bias).all()
    assert np.isfinite(found.held_out_logits).all()
    assert 0.01 < found.head.temperature < 100
    assert accuracy(found, given) > 0.95
    assert found.chosen.accuracy > 0.8


@pytest.mark.parametrize("once", [0, 0.002], ids=["dead", "nearly dead"])
def test_a_feature_that_hardly_ever_varied_does_not_decide(once: float) -> None:
    """A ReLU that no training image excites may still stir on a later one."""
    dead = np.arange(0, LAYOUT.dim, 5)

    def correlated(seed: int, value: float) -> ProbeTask:
        rng = np.random.default_rng(seed)
        causes = rng.normal(size=(300, 20)) * np.geomspace(3, 0.3, 20)
        mixing = np.random.default_rng(7).normal(size=(20, LAYOUT.dim + 3))
        array = causes @ mixing[:, 3:] / 20**0.5 + 0.05 * rng.normal(size=(300, LAYOUT.dim)) + 2
        array[:, dead] = value
        targets = (causes @ mixing[:, :3]).argmax(axis=1)
        return with_features(task(per_class=100), array, targets=targets)

    given = correlated(0, 0)
    given.features.array[0, dead] = once
    found = fit(given, taps="all")
    quiet, stirred = (logits(found.head, correlated(1, value)) for value in (0, 0.05))
    assert np.abs(stirred - quiet).max() < 0.1 * quiet.std()


def test_a_quick_figure_ranks_inputs() -> None:
    config = HeadConfig()
    better, worse = (cross_validate(task(signal=signal), config, seed=0) for signal in (0.5, 0.1))
    assert better.nll < worse.nll
    assert better.accuracy > worse.accuracy
