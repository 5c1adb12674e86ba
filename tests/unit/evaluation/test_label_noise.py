"""Wrong labels are told from classes that overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from headstart.evaluation.calibration import fit_temperature, softmax
from headstart.evaluation.error_analysis import LOOK_AT, LabelCheck, check_labels
from headstart.evaluation.label_noise import fit_label_noise

Labels = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float64]


def draw(seed: int, *, rows: int, classes: int, margin: float) -> tuple[Logits, Labels]:
    """Honest logits: images are points around their class, and the classifier knows how."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=rows)
    places = rng.normal(size=(rows, classes))
    places[np.arange(rows), truth] += margin
    return margin * places, truth


def flip(truth: Labels, classes: int, share: float, seed: int) -> Labels:
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(truth), round(share * len(truth)), replace=False)
    labels = truth.copy()
    labels[rows] = (truth[rows] + rng.integers(1, classes, len(rows))) % classes
    return labels


def check(logits: Logits, labels: Labels) -> LabelCheck:
    """What is found in answers that are calibrated on these very labels, as a run's are."""
    rows, classes = logits.shape
    return check_labels(
        softmax(logits, fit_temperature(logits, labels)),
        labels,
        classes=[f"class {k}" for k in range(classes)],
        images=[str(row) for row in range(rows)],
        splits=["train"] * rows,
    )


@pytest.mark.parametrize(("classes", "margin"), [(2, 1.0), (3, 1.5), (3, 2.0), (10, 2.0)])
def test_right_labels_of_overlapping_classes_are_left_alone(classes: int, margin: float) -> None:
    listed = 0
    for seed in range(10):
        logits, truth = draw(seed, rows=600, classes=classes, margin=margin)
        assert (logits.argmax(axis=1) != truth).mean() > 0.07
        listed += len(check(logits, truth).suspects)
    assert listed <= 0.001 * 10 * 600


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_wrong_labels_of_well_told_classes_are_found(share: float) -> None:
    found, real, wrong, expected = 0, 0, 0, 0.0
    for seed in range(5):
        logits, truth = draw(seed, rows=1000, classes=4, margin=3.5)
        labels = flip(truth, 4, share, seed)
        suspects = check(logits, labels)
        rows = [int(it.path) for it in suspects.suspects]
        found += len(rows)
        real += int((labels[rows] != truth[rows]).sum())
        wrong += int((labels != truth).sum())
        expected += suspects.expected
    assert real / wrong >= 0.7
    assert real / found >= 0.9
    assert expected / found == pytest.approx(real / found, abs=0.1)


def test_wrong_labels_are_found_beside_classes_that_cannot_be_told_apart() -> None:
    logits, truth = draw(0, rows=1500, classes=4, margin=4.0)
    twins = np.random.default_rng(1).normal(size=1500)
    halves = logits[:, 2:].max(axis=1)
    logits[:, 2:] = np.stack([halves + twins / 2, halves - twins / 2], axis=1)
    truth[truth >= 2] = 2 + np.random.default_rng(2).integers(2, size=(truth >= 2).sum())
    labels = flip(truth, 4, 0.05, 3)
    found = check(logits, labels)
    assert found.overlapping == (("class 2", "class 3"),)
    rows = [int(it.path) for it in found.suspects]
    assert (labels[rows] != truth[rows]).mean() > 0.9
    seen = (labels != truth) & ((labels < 2) | (truth < 2))
    assert np.isin(np.flatnonzero(seen), rows).mean() > 0.7


def test_mistakes_that_favour_a_pair_are_found() -> None:
    logits, truth = draw(0, rows=1500, classes=6, margin=3.5)
    labels = truth.copy()
    labels[np.flatnonzero(truth == 0)[:20]] = 1
    rows = [int(it.path) for it in check(logits, labels).suspects]
    assert (labels[rows] != truth[rows]).sum() >= 14
    assert (labels[rows] == truth[rows]).sum() <= 4


def test_a_classifier_that_knows_nothing_suspects_nothing() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(400, 3)), rng.integers(3, size=400)
    assert check(logits, labels).suspects == ()


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_next_to_nothing_can_be_judged(rows: int) -> None:
    noise = fit_label_noise(np.full((rows, 2), 0.5), np.zeros(rows, np.int64))
    assert noise.wrong.tolist() == [0.0] * rows
    assert fit_label_noise(np.ones((rows, 1)), np.zeros(rows, np.int64)).wrong.sum() == 0


def test_many_answers_are_judged_by_what_a_part_of_them_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headstart.evaluation.label_noise._FITTED_NUMBERS", 20_000)
    logits, truth = draw(0, rows=2000, classes=40, margin=5.0)
    labels = flip(truth, 40, 0.05, 0)
    wrong = fit_label_noise(softmax(logits), labels).wrong >= LOOK_AT
    assert wrong[labels != truth].mean() > 0.7
    assert wrong[labels == truth].mean() < 0.01
