from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation.comparison import mcnemar_p_value
from headstart.evaluation.power import detectable_difference, images_needed


@pytest.mark.parametrize(("n", "disagreement"), [(431, 0.1), (200, 0.15), (2000, 0.06)])
def test_a_detectable_difference_is_found_four_times_of_five(n: int, disagreement: float) -> None:
    difference = detectable_difference(n, disagreement)
    assert difference is not None
    wins, losses = (disagreement + difference) / 2, (disagreement - difference) / 2
    rng = np.random.default_rng(0)
    tables = rng.multinomial(n, [wins, losses, 1 - wins - losses], size=2000)
    found = np.mean([mcnemar_p_value(int(a), int(b)) < 0.05 for a, b, _ in tables])
    assert 0.74 < found < 0.84  # the exact test is a little cautious


@pytest.mark.parametrize("n", [20, 431, 10_000])
def test_both_ways_of_asking_agree(n: int) -> None:
    difference = detectable_difference(n, 0.2)
    assert difference is not None
    assert images_needed(difference, max(0.2, difference)) == pytest.approx(n, abs=1)


def test_more_images_show_less() -> None:
    shown = [detectable_difference(n, 0.1) for n in (50, 500, 5000)]
    assert shown == sorted(shown, reverse=True)


def test_too_few_images_show_nothing() -> None:
    assert detectable_difference(3, 0.5) is None


def test_stricter_tests_show_less() -> None:
    assert detectable_difference(431, 0.1, alpha=0.005) > detectable_difference(431, 0.1)


def test_a_difference_either_way_needs_as_many() -> None:
    assert images_needed(-0.05, 0.15) == images_needed(0.05, 0.15)
