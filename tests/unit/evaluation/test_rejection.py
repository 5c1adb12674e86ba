import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.evaluation.rejection import (
    Threshold,
    Unreached,
    Wish,
    choose_threshold,
    judge_selection,
)


def answers(n, *, seed=0, shift=0.0):
    """Return confidences and what is right, as sure as it says (less ``shift``)."""
    rng = np.random.default_rng(seed)
    sure = 1 - 0.8 * rng.beta(0.5, 3, size=n)
    return sure, rng.random(n) < sure - shift


def chosen(sure, right, *wish):
    found = choose_threshold(sure, right, Wish(*wish))
    assert isinstance(found, Threshold)
    return found


def test_as_it_comes_out_the_most_answers_with_that_precision_are_given():
    sure = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, True, False, True, False])
    found = chosen(sure, right, "precision", 0.75, None)
    assert 0.5 < found.value <= 0.6
    assert found.chosen_on.answered == 4
    assert found.chosen_on.precision.value == 0.75
    assert found.bound < 0.75


def test_with_assurance_fewer_answers_are_given_and_more_of_them_are_right():
    sure, right = answers(2000)
    sure_of_it = chosen(sure, right, "precision", 0.95, 0.95)
    lucky = chosen(sure, right, "precision", 0.95, None)
    assert sure_of_it.value > lucky.value
    assert sure_of_it.bound == 0.95
    assert sure_of_it.chosen_on.precision.value > lucky.chosen_on.precision.value >= 0.95


def test_an_assured_precision_is_kept_however_badly_calibrated():
    """The true precision, known here, falls short in at most the 5 % that were allowed."""
    large, _ = answers(100_000, seed=99)
    order = np.sort(large)[::-1]
    precision = np.cumsum(order - 0.03) / np.arange(1, len(order) + 1)
    broken = reached = 0
    for seed in range(60):
        found = choose_threshold(*answers(300, seed=seed, shift=0.03), Wish("precision", 0.85))
        if isinstance(found, Threshold):
            reached += 1
            broken += precision[np.searchsorted(-order, -found.value, side="right") - 1] < 0.85
    assert reached > 40
    assert broken / 60 <= 0.1


def test_what_cannot_be_shown_is_said_with_what_can():
    sure, right = answers(100)
    found = choose_threshold(sure, right, Wish("precision", 0.99))
    assert isinstance(found, Unreached)
    assert 0.7 < found.best < 0.99
    assert "no threshold reaches precision 0.99 with 95 % assurance on 100 held-out" in str(found)
    assert "takes at least 321 answers" in str(found)


def test_a_precision_that_no_threshold_has():
    found = choose_threshold(np.array([0.9, 0.8]), np.zeros(2, bool), Wish("precision", 0.5, None))
    assert isinstance(found, Unreached)
    assert (found.best, found.needed) == (0.0, 0)


@pytest.mark.parametrize("least", [0.98, 0.8, 0.3])
def test_neither_errors_among_the_surest_nor_modesty_hide_what_can_be_shown(least):
    sure = np.linspace(1, least, 1000)
    right = np.ones(1000, bool)
    right[:3] = False  # mislabelled
    found = chosen(sure, right, "precision", 0.98, 0.95)
    assert found.chosen_on.answered == 1000


@given(st.integers(1, 300), st.floats(0.05, 0.95), st.integers(0, 99))
@settings(max_examples=25)
def test_a_coverage_is_reached_on_the_answers_it_was_chosen_by(n, share, seed):
    found = chosen(*answers(n, seed=seed), "coverage", share, 0.95)
    assert found.chosen_on.coverage.value >= share - 1e-12
    assert found.bound <= found.chosen_on.coverage.value + 1e-12


def test_a_coverage_holds_on_new_images_on_average():
    large, _ = answers(20_000, seed=99)
    found = [chosen(*answers(60, seed=s), "coverage", 0.8, 0.95).value for s in range(100)]
    assert np.mean([(large >= value).mean() for value in found]) == pytest.approx(0.8, abs=0.025)


def test_answers_stored_to_six_digits_stay_above_their_threshold():
    sure, right = np.array([0.9999997, 0.4]), np.array([True, False])
    found = chosen(sure.round(6), right, "precision", 0.9, None)
    assert found.value <= sure[0]


def test_equal_weights_are_none_and_others_count():
    sure, right = answers(500)
    wish = Wish("precision", 0.95)
    plain = choose_threshold(sure, right, wish)
    assert choose_threshold(sure, right, wish, weights=np.full(500, 2.0)) == plain
    weights = np.where(right, 1.0, 3.0)
    heavy = judge_selection(sure, right, 0.5, weights=weights)
    light = judge_selection(sure, right, 0.5)
    assert heavy.precision.value < light.precision.value
    assert heavy.precision.high - heavy.precision.low > light.precision.high - light.precision.low


def test_no_answer_at_all_is_a_share_of_nothing():
    found = judge_selection(np.array([0.5]), np.array([True]), 0.9)
    assert (found.answered, found.coverage.value, found.precision.value) == (0, 0.0, 0.0)
    assert (found.precision.low, found.precision.high) == (0.0, 1.0)
    assert found.to_json()["n"] == 1


def test_nothing_to_choose_by_is_refused():
    with pytest.raises(ValueError, match="no held-out answers"):
        choose_threshold(np.empty(0), np.empty(0, bool), Wish("coverage", 0.5))
