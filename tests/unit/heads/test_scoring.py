from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation.calibration import softmax
from headstart.heads.scoring import row_weights, score


def test_the_likelihood_is_that_after_calibration() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 300)
    logits = rng.normal(size=(300, 3)) + 2 * np.eye(3)[targets]
    plain, heated = score(logits, targets, np.ones(300)), score(5 * logits, targets, np.ones(300))
    assert heated.temperature == pytest.approx(5 * plain.temperature, rel=1e-3)
    assert heated.nll == pytest.approx(plain.nll, rel=1e-6)
    answers = softmax(logits, plain.temperature)
    assert plain.nll == pytest.approx(-np.log(answers[np.arange(300), targets]).mean())
    assert plain.accuracy == (logits.argmax(axis=1) == targets).mean()


def test_balanced_rows_give_every_class_the_same_say() -> None:
    targets = np.array([0, 0, 0, 1, 2, 2])
    weights = row_weights(targets, "balanced")
    np.testing.assert_allclose(np.bincount(targets, weights), 2)
    np.testing.assert_array_equal(row_weights(targets, None), 1)
