from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.metrics import f1_score

from headstart.evaluation import metrics
from headstart.evaluation.bootstrap import Resampling, resample_counts
from headstart.evaluation.counts import ClassCounts
from headstart.evaluation.intervals import Estimate
from headstart.evaluation.paired_bootstrap import (
    difference_interval,
    expanded_tail,
    paired_replicates,
)

NOTHING = Estimate(0.0, 0.0, 0.0)
SHARES = np.array([0.4, 0.35, 0.25])
K = len(SHARES)


def draw(rng: np.random.Generator, n: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Two classifiers that find many of the same images hard; targets; losses."""
    targets = rng.choice(K, n, p=SHARES)
    hard, shared = rng.random(n), rng.random(n) < 0.6
    said, losses = [], []
    for accuracy in (0.88, 0.82):
        right = np.where(shared, hard, rng.random(n)) < accuracy
        said.append(np.where(right, targets, (targets + rng.integers(1, K, n)) % K))
        losses.append(-np.log(np.where(right, rng.beta(8, 2, n), rng.beta(2, 5, n)) + 1e-3))
    return said, targets, np.array(losses)


def figures(said: list[np.ndarray], targets: np.ndarray, losses: np.ndarray) -> np.ndarray:
    counts = [ClassCounts.of_predictions(one, targets, classes=K) for one in said]
    rows = [
        [(one == targets).mean(), float(metrics.f1_macro(count)), loss.mean()]
        for one, count, loss in zip(said, counts, losses, strict=True)
    ]
    return np.array(rows[0]) - np.array(rows[1])


def test_each_resample_is_judged_as_if_it_were_the_sample() -> None:
    said, targets, losses = draw(np.random.default_rng(0), 60)
    found = paired_replicates(
        said, targets, losses, classes=K, resampling=Resampling(resamples=20, seed=4)
    )
    (weights,) = resample_counts(60, resamples=20, seed=4)
    for resample, counts in enumerate(weights):
        rows = np.repeat(np.arange(60), counts)
        for member, one in enumerate(said):
            assert found.accuracy[member, resample] == pytest.approx((one == targets)[rows].mean())
            assert found.nll[member, resample] == pytest.approx(losses[member][rows].mean())
            by_class = f1_score(
                targets[rows], one[rows], labels=range(K), average=None, zero_division=0
            )
            assert found.class_f1[member, resample] == pytest.approx(by_class)
            assert found.f1_macro[member, resample] == pytest.approx(by_class.mean())


def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    """Coverage of 95 % intervals on 300 images lies in .93 to .97."""
    rng = np.random.default_rng(7)
    true = figures(*draw(rng, 1_000_000))
    trials, held = 600, np.zeros(3)
    for seed in range(trials):
        said, targets, losses = draw(rng, 300)
        drawn = paired_replicates(
            said, targets, losses, classes=K, resampling=Resampling(resamples=400, seed=seed)
        )
        own = figures(said, targets, losses)
        for index, replicates in enumerate((drawn.accuracy, drawn.f1_macro, drawn.nll)):
            interval = difference_interval(
                own[index],
                replicates[0] - replicates[1],
                n=300,
                instead=NOTHING,
                confidence=0.95,
            )
            held[index] += interval.low <= true[index] <= interval.high
    assert ((held / trials >= 0.93) & (held / trials <= 0.97)).all(), held / trials


def test_what_never_differs_goes_by_something_else() -> None:
    instead = Estimate(0.0, -0.02, 0.02)
    found = difference_interval(0.0, np.zeros(50), n=30, instead=instead, confidence=0.95)
    assert found == instead


@pytest.mark.parametrize("n", [10, 30, 300, 10_000])
def test_the_tail_is_students(n: int) -> None:
    expected = norm.cdf(-np.sqrt(n / (n - 1)) * student.ppf(0.975, n - 1))
    assert expanded_tail(n, 0.95) == pytest.approx(expected, rel=0.03)


def test_one_image_is_enough_to_be_asked() -> None:
    assert 0 <= expanded_tail(1, 0.95) < 0.025
