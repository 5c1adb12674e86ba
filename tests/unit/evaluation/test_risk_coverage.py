from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.risk_coverage import areas, best_area, risk_coverage

FEW = Resampling(resamples=100)
ANSWERS = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.5001, 0.9]), st.booleans()), min_size=1)


def mean_risk(wrong):
    return np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def test_the_area_is_the_mean_risk_of_the_surest():
    rng = np.random.default_rng(0)
    sure, wrong = rng.random(300), rng.random(300) < 0.2
    curve = risk_coverage(sure, ~wrong, resampling=FEW)
    assert curve.area.value == pytest.approx(mean_risk(wrong[np.argsort(-sure)]))
    assert curve.error_rate == wrong.mean()
    assert curve.area.low < curve.area.value < curve.area.high


def test_equally_sure_answers_count_as_the_mean_over_their_orders():
    sure, wrong = np.array([0.9, 0.5, 0.5, 0.5, 0.5]), np.array([0, 1, 0, 0, 1])
    expected = np.mean([mean_risk([0, *order]) for order in permutations(wrong[1:])])
    assert risk_coverage(sure, wrong == 0, resampling=FEW).area.value == pytest.approx(expected)


def test_a_resample_has_the_area_of_its_images_written_out():
    rng = np.random.default_rng(1)
    sure, wrong, counts = rng.random(20), rng.random(20) < 0.3, rng.integers(0, 4, 20)
    order = np.argsort(-sure)
    grouped = areas(counts[order][None], (counts * wrong)[order][None])[0]
    written = risk_coverage(np.repeat(sure, counts), ~np.repeat(wrong, counts), resampling=FEW)
    assert grouped == pytest.approx(written.area.value)


@settings(max_examples=30)
@given(ANSWERS)
def test_no_order_is_better_than_the_best_and_all_answers_have_the_error_rate(answers):
    sure, right = (np.array(column) for column in zip(*answers, strict=True))
    curve = risk_coverage(sure, right, resampling=Resampling(resamples=5))
    assert best_area(curve.n, int((~right).sum())) <= curve.area.value + 1e-12
    assert curve.area.low <= curve.area.value <= curve.area.high
    last = list(curve.points())[-1]
    assert (last.coverage, last.risk.value) == (1.0, pytest.approx(1 - right.mean()))


def test_points_are_thinned_and_keep_the_last():
    rng = np.random.default_rng(0)
    curve = risk_coverage(rng.random(1000), rng.random(1000) < 0.9, resampling=FEW)
    points = list(curve.points(limit=50))
    assert len(points) == 50
    assert [p.answered for p in points] == sorted(p.answered for p in points)
    assert points[-1].answered == 1000


def test_the_interval_holds_the_true_area_about_as_often_as_it_says():
    rng = np.random.default_rng(3)

    def sample(n):
        sure = 0.5 + 0.5 * rng.random(n)
        return sure, rng.random(n) < sure

    truth = risk_coverage(*sample(50_000), resampling=Resampling(resamples=1)).area.value
    found = [risk_coverage(*sample(200), resampling=FEW).area for _ in range(80)]
    assert 0.86 <= np.mean([area.low <= truth <= area.high for area in found]) <= 1


@pytest.mark.parametrize(
    ("sure", "right", "said"),
    [([], [], "no answers"), ([0.5], [], "expected"), ([np.nan], [True], "NaN")],
)
def test_nonsense_is_refused(sure, right, said):
    with pytest.raises(ValueError, match=said):
        risk_coverage(sure, right)
