from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from headstart.evaluation.slices import Trait, quantile_bins, slice_accuracy

GRADES = ("darkest", "darker", "brighter", "brightest")


def brightness(values: np.ndarray) -> Trait:
    return Trait("brightness", values, GRADES)


def test_a_kind_that_fares_worse_is_named_with_its_figures() -> None:
    values = np.linspace(0, 1, 400)
    right = np.ones(400, dtype=bool)
    right[:100:2] = False  # half of the darkest
    right[150:390:40] = False
    slices = slice_accuracy([brightness(values)], right)
    assert [it.name for it in slices] == list(GRADES)
    assert [it.n for it in slices] == [100] * 4
    dark = slices[0]
    assert dark.differs
    assert dark.accuracy.value == 0.5
    assert dark.rest.value == pytest.approx(294 / 300)
    assert dark.words.startswith("the darkest images (brightness 0.00 to 0.25) are recognised less")
    assert "0.500 [0.404, 0.596] of 100 against 0.980 (p < .001)" in dark.words


def test_p_values_are_fishers_with_holms_correction_over_all_traits() -> None:
    rng = np.random.default_rng(3)
    values, names = rng.random(200), np.where(rng.random(200) < 0.3, "PNG", "JPEG")
    right = rng.random(200) < 0.8
    slices = slice_accuracy([brightness(values), Trait("file format", names)], right)
    assert [it.name for it in slices[4:]] == ["JPEG", "PNG"]
    png = slices[5]
    table = [
        [(right & (names == "PNG")).sum(), (~right & (names == "PNG")).sum()],
        [(right & (names != "PNG")).sum(), (~right & (names != "PNG")).sum()],
    ]
    assert png.p_value == pytest.approx(fisher_exact(table).pvalue)
    assert (png.low, png.high, png.span) == (None, None, "")
    least = min(slices, key=lambda it: it.p_value)
    assert least.p_adjusted == pytest.approx(min(1, 6 * least.p_value))


def test_chance_is_rarely_taken_for_a_difference() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        traits = [brightness(rng.random(120)) for _ in range(4)]
        alarms += any(it.differs for it in slice_accuracy(traits, rng.random(120) < 0.85))
    assert alarms <= 10  # 5 expected at most; exact tests stay below


def test_nothing_is_said_where_nothing_is_shown() -> None:
    slices = slice_accuracy([brightness(np.arange(40.0))], np.ones(40, dtype=bool))
    assert [it.words for it in slices] == [""] * 4


def test_what_all_images_share_makes_no_slices() -> None:
    same = [brightness(np.full(50, 0.5)), Trait("file format", np.full(50, "JPEG"))]
    assert slice_accuracy(same, np.arange(50) % 5 > 0) == ()


def test_few_images_make_no_slices() -> None:
    assert slice_accuracy([brightness(np.arange(8.0))], np.arange(8) > 3) == ()
    assert slice_accuracy([], np.ones(3, dtype=bool)) == ()


def test_a_common_value_is_a_kind_of_its_own() -> None:
    sizes = np.array([100.0] * 20 + [400.0] * 60 + [900.0] * 20)
    slices = slice_accuracy([Trait("image size", sizes, GRADES)], np.arange(100) % 4 > 0)
    assert [(it.name, it.low, it.high, it.n) for it in slices] == [
        ("darkest", 100, 100, 20),
        ("middling", 400, 400, 60),
        ("brightest", 900, 900, 20),
    ]


@given(values=st.lists(st.integers(0, 6) | st.floats(0, 1e6), max_size=120))
def test_bins_keep_the_order_and_split_no_value(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    bins = quantile_bins(array)
    assert bins.shape == array.shape
    order = np.argsort(array, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    if len(array):
        assert set(bins.tolist()) == set(range(int(bins.max()) + 1))
        for value in np.unique(array):
            assert len(set(bins[array == value].tolist())) == 1
