"""What a range test's curve is taken to say, on curves whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.training.rate_curve import RateCurve, Suggestions, latest, smooth

STEPS = 160


def valley_curve(
    *, falls_from: float, falls_to: float, rises_at: float, noise: float = 0.0, seed: int = 0
) -> RateCurve:
    """Flat at 2, down to 0.5 between two rates (a cosine in decades), up after a third."""
    rates = np.geomspace(1e-7, 10, STEPS)
    way = np.log(rates / falls_from) / math.log(falls_to / falls_from)
    down = 0.5 + 1.5 * (1 + np.cos(np.pi * np.clip(way, 0, 1))) / 2
    up = np.clip(np.log10(rates / rises_at), 0, None) ** 2
    draws = np.random.default_rng(seed).normal(0, noise, STEPS) if noise else 0.0
    return RateCurve(rates, down + 4 * up + draws, diverged=True)


def test_the_steepest_place_and_the_valley_are_the_middle_of_the_fall() -> None:
    curve = valley_curve(falls_from=1e-5, falls_to=1e-3, rises_at=1e-1)
    found = curve.suggest()
    assert found.steepest == pytest.approx(1e-4, rel=0.3)
    assert 1e-5 < found.valley < 1e-3


def test_a_tenth_of_the_minimum_is_that() -> None:
    rates = np.geomspace(1e-5, 1, 101)
    curve = RateCurve(rates, np.log10(rates / 1e-2) ** 2, diverged=False)
    assert curve.suggest().minimum_tenth == pytest.approx(1e-3, rel=0.3)


@given(middle=st.floats(-5, -2), width=st.floats(1.0, 2.0), seed=st.integers(0, 99))
def test_noise_moves_no_suggestion_out_of_the_fall(middle: float, width: float, seed: int) -> None:
    low, high = 10 ** (middle - width / 2), 10 ** (middle + width / 2)
    curve = valley_curve(falls_from=low, falls_to=high, rises_at=3 * high, noise=0.05, seed=seed)
    assert curve.clear
    found = curve.suggest()
    assert low / 5 < found.steepest < high * 2
    assert low / 30 < found.valley < high * 2
    assert found.minimum_tenth < high * 2


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=60))
def test_smoothing_stays_within_the_losses(losses: list[float]) -> None:
    smoothed = smooth(np.array(losses))
    assert smoothed.min() >= min(losses) - 1e-6
    assert smoothed.max() <= max(losses) + 1e-6
    assert latest(np.array(losses)) == pytest.approx(smoothed[-1])


def test_smoothing_has_no_lag_and_no_bias() -> None:
    line = np.linspace(5, 1, 101)
    assert smooth(line)[50] == pytest.approx(line[50])
    assert smooth(np.full(20, 3.0)) == pytest.approx(np.full(20, 3.0))


@given(seed=st.integers(0, 99), shift=st.integers(-3, 3))
def test_suggestions_scale_with_the_rates(seed: int, shift: int) -> None:
    curve = valley_curve(falls_from=1e-5, falls_to=1e-3, rises_at=1e-2, noise=0.02, seed=seed)
    moved = RateCurve(curve.rates * 10.0**shift, curve.losses, curve.diverged)
    for (_, here), (_, there) in zip(curve.suggest().named(), moved.suggest().named(), strict=True):
        assert there == pytest.approx(here * 10.0**shift)


def test_an_explosion_does_not_drown_the_valley_before_it() -> None:
    calm = valley_curve(falls_from=1e-5, falls_to=1e-3, rises_at=1e3)
    last = int(np.searchsorted(calm.rates, 3e-3))
    losses = np.concatenate([calm.losses[:last], 10.0 ** np.arange(1, 9)])
    exploded = RateCurve(calm.rates[: last + 8], losses, diverged=True)
    assert exploded.calm == last
    assert exploded.explodes_at == calm.rates[last]
    assert 1e-3 / 3 < exploded.suggest().minimum < 3e-3
    assert exploded.clear


def test_without_an_explosion_all_is_calm() -> None:
    curve = RateCurve(np.geomspace(1e-5, 1, 41), np.linspace(2, 1, 41), diverged=False)
    assert curve.calm == 41
    assert curve.explodes_at is None


def test_all_fall_is_one_valley() -> None:
    rates = np.geomspace(1e-5, 1e-1, 41)
    curve = RateCurve(rates, np.linspace(2, 1, 41), diverged=False)
    assert curve.suggest().valley == pytest.approx(1e-3)


def test_a_rise_alone_suggests_the_start_and_is_not_clear() -> None:
    rates = np.geomspace(1e-5, 1, 51)
    curve = RateCurve(rates, np.linspace(1, 3, 51), diverged=True)
    assert not curve.clear
    assert curve.suggest().steepest == rates[0]


@given(st.integers(0, 200))
def test_noise_alone_is_not_clear(seed: int) -> None:
    draws = np.random.default_rng(seed).normal(1.0, 0.3, 80)
    curve = RateCurve(np.geomspace(1e-7, 1e-1, 80), draws, diverged=False)
    assert curve.fall < 5 * curve.noise


def test_noise_is_seldom_taken_for_a_fall() -> None:
    rates = np.geomspace(1e-7, 1e-1, 80)
    draws = np.random.default_rng(5).normal(1.0, 0.3, (200, 80))
    clear = [RateCurve(rates, losses, diverged=False).clear for losses in draws]
    assert np.mean(clear) < 0.2


@pytest.mark.parametrize(
    ("rates", "disagree"), [((1e-4, 1e-4, 9.9e-4), False), ((1e-4, 3e-4, 1e-3), True)]
)
def test_tenfold_is_disagreement(rates: tuple[float, float, float], disagree: bool) -> None:
    assert Suggestions(*rates).disagree is disagree
