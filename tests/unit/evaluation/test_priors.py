import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from headstart.evaluation.priors import adjust_priors, chi_square_tail, estimate_priors

TRAINED = np.array([0.5, 0.3, 0.2])
CENTRES = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])


def world(n, shares, *, seed=0, posterior=TRAINED):
    """Return exact probabilities under ``posterior`` shares, and classes drawn by ``shares``."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(3, size=n, p=shares)
    points = CENTRES[classes] + rng.normal(size=(n, 2))
    density = np.exp(-0.5 * ((points[:, None] - CENTRES) ** 2).sum(axis=2)) * posterior
    return density / density.sum(axis=1, keepdims=True), classes


def test_probabilities_become_those_of_a_model_trained_on_the_other_shares():
    new = np.array([0.1, 0.1, 0.8])
    trained, _ = world(50, new)
    meant, _ = world(50, new, posterior=new)
    found = adjust_priors(trained, trained=TRAINED, new=new)
    np.testing.assert_allclose(found, meant, atol=1e-12)
    np.testing.assert_allclose(adjust_priors(found, trained=new, new=TRAINED), trained, atol=1e-12)


@pytest.mark.parametrize("shares", [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.98, 0.01, 0.01]])
def test_shares_are_found_without_labels(shares):
    probabilities, _ = world(1500, shares)
    found = estimate_priors(probabilities, trained=TRAINED)
    np.testing.assert_allclose(found.priors, shares, atol=0.04)
    assert found.priors.sum() == pytest.approx(1)
    assert found.n == 1500
    moved = shares != TRAINED.tolist()
    assert (found.p_value < 1e-6) if moved else (found.p_value > 0.01)


def test_intervals_hold_the_true_shares_about_as_often_as_they_say():
    shares = [0.2, 0.2, 0.6]
    hits = [
        estimate.low <= share <= estimate.high
        for seed in range(40)
        for share, estimate in zip(
            shares,
            estimate_priors(world(150, shares, seed=seed)[0], trained=TRAINED).intervals,
            strict=True,
        )
    ]
    assert 0.88 <= np.mean(hits) <= 0.995


def test_one_class_alone_rules_no_other_out():
    probabilities, _ = world(100, [1.0, 0.0, 0.0])
    found = estimate_priors(probabilities, trained=TRAINED)
    assert found.priors[0] > 0.8
    assert (found.priors > 1e-3).all()
    for interval in found.intervals:
        assert interval.high - interval.low < 0.4


def test_no_images_tell_nothing():
    with pytest.raises(ValueError, match="no images"):
        estimate_priors(np.empty((0, 3)), trained=TRAINED)


@settings(max_examples=40)
@given(st.floats(0, 200), st.integers(1, 120))
def test_chi_square_tails_are_scipys(value, degrees):
    assert chi_square_tail(value, degrees) == pytest.approx(stats.chi2.sf(value, degrees), abs=1e-9)
