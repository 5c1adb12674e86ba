from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest, bootstrap

from headstart.evaluation import judge
from headstart.evaluation.comparison import mcnemar, mcnemar_p_value
from headstart.evaluation.contest import hold_contest

CLASSES = ("cat", "dog", "eel")
Array = npt.NDArray[np.float64]


def answers(
    targets: npt.NDArray[np.int64], skill: float, rng: np.random.Generator, classes: int = 3
) -> Array:
    scores = rng.normal(size=(len(targets), classes))
    scores[np.arange(len(targets)), targets] += skill
    chances = np.exp(scores)
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def targets() -> npt.NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, 3, 300)


@pytest.fixture(scope="module")
def said(targets: npt.NDArray[np.int64]) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {"weak": answers(targets, 1, rng), "one": answers(targets, 3, rng)} | {
        "two": answers(targets, 3.1, rng)
    }


def test_tests_agree_with_scipy_on_200_random_tables() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        wins, losses, rest = rng.integers(0, 40), rng.integers(0, 40), rng.integers(1, 200)
        first = np.repeat([True, False, True], [wins, losses, rest])
        second = np.repeat([False, True, True], [wins, losses, rest])
        expected = binomtest(int(wins), int(wins + losses)).pvalue if wins + losses else 1.0
        assert mcnemar(first, second).p_value == pytest.approx(expected)
        assert mcnemar_p_value(int(wins), int(losses)) == pytest.approx(expected)


def test_the_best_is_first_and_ties_share_a_place(
    said: dict[str, Array], targets: npt.NDArray[np.int64]
) -> None:
    contest = hold_contest(said, targets, classes=CLASSES)
    assert [(it.place, it.name) for it in contest.standings][-1] == (3, "weak")
    assert [it.place for it in contest.standings] == [1, 1, 3]
    assert {it.name for it in contest.leaders} == {"one", "two"}
    assert contest.pair("one", "two").better is None
    assert contest.pair("weak", "one").better == "one"
    assert contest.pair("weak", "one").first == "one"


def test_figures_are_those_of_each_judgement(
    said: dict[str, Array], targets: npt.NDArray[np.int64]
) -> None:
    contest = hold_contest(said, targets, classes=CLASSES)
    alone = {name: judge(it, targets, classes=CLASSES) for name, it in said.items()}
    for standing in contest.standings:
        own = alone[standing.name].metrics
        assert standing.accuracy == own["accuracy"]
        assert standing.f1_macro.value == pytest.approx(own["f1_macro"].value)
        assert standing.f1_macro.low == pytest.approx(own["f1_macro"].low, abs=0.01)
        assert standing.nll == pytest.approx(own["nll"].value)
    for pair in contest.pairs:
        one, other = alone[pair.first], alone[pair.second]
        for name, estimate in (("f1_macro", pair.f1_macro), ("nll", pair.nll)):
            expected = one.metrics[name].value - other.metrics[name].value
            assert estimate is not None
            assert estimate.value == pytest.approx(expected)
        for index, found in enumerate(pair.classes):
            mine, theirs = one.per_class[index], other.per_class[index]
            assert found.support == mine.support
            assert found.recall.value == pytest.approx(mine.recall.value - theirs.recall.value)
            assert found.f1.value == pytest.approx(mine.f1.value - theirs.f1.value)


def test_the_four_counts_are_all_images(
    said: dict[str, Array], targets: npt.NDArray[np.int64]
) -> None:
    for pair in hold_contest(said, targets, classes=CLASSES).pairs:
        apart = pair.test.only_first + pair.test.only_second
        assert pair.both_right + apart + pair.both_wrong == pair.n == 300
        assert sum(it.only_first + it.only_second for it in pair.classes) == apart


def test_intervals_agree_with_scipys_paired_bootstrap(
    said: dict[str, Array], targets: npt.NDArray[np.int64]
) -> None:
    pair = hold_contest(said, targets, classes=CLASSES, resamples=5000).pair("one", "weak")
    first, second = (said[name].argmax(1) == targets for name in (pair.first, pair.second))
    expected = bootstrap(
        (first.astype(float), second.astype(float)),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        paired=True,
        method="percentile",
        n_resamples=5000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = pair.accuracy_bootstrap
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_who_alone_is_right(targets: npt.NDArray[np.int64]) -> None:
    wrong = (targets + 1) % 3
    first, second = targets.copy(), targets.copy()
    first[5], second[7], second[8] = wrong[5], wrong[7], wrong[8]
    contest = hold_contest({"a": first, "b": second}, targets, classes=CLASSES)
    assert contest.only("a").tolist() == [7, 8]
    assert contest.only("b").tolist() == [5]
    assert [it.only for it in contest.standings] == [2, 1]
    pair = contest.pair("a", "b")
    assert (pair.nll, contest.standings[0].nll) == (None, None)
    assert pair.p_value == 1


def test_the_same_answers_do_not_differ(targets: npt.NDArray[np.int64]) -> None:
    pair = hold_contest({"a": targets, "b": targets}, targets, classes=CLASSES).pair("a", "b")
    assert pair.p_value == 1
    assert pair.agreement.kappa == 1
    assert pair.accuracy.low < 0 < pair.accuracy.high
    assert pair.needed is None


def test_many_pairs_make_the_test_stricter(targets: npt.NDArray[np.int64]) -> None:
    rng = np.random.default_rng(2)
    many = {f"m{i}": answers(targets, 2.5, rng) for i in range(6)}
    pairs = hold_contest(many, targets, classes=CLASSES).pairs
    assert len(pairs) == 15
    assert all(pair.p_value >= pair.test.p_value for pair in pairs)


def test_ten_models_on_ten_thousand_images_take_seconds() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 10, 10_000)
    many = {f"m{i}": answers(targets, 2 + 0.1 * i, rng, classes=10) for i in range(10)}
    start = time.process_time()
    contest = hold_contest(many, targets, classes=[str(i) for i in range(10)])
    assert time.process_time() - start < 10
    assert len(contest.pairs) == 45


@pytest.mark.parametrize(
    ("said", "targets", "message"),
    [
        ({"a": [0]}, [0], "1 classifiers to compare: expected two or more"),
        ({"a": [], "b": []}, [], "no images"),
        ({"a": [0, 1], "b": [0]}, [0, 1], r"b: targets have shape \(1,\)"),
        ({"a": [[1.0, 0]], "b": [[1.0, 0, 0]]}, [0], r"a: probabilities have shape \(1, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(said: object, targets: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hold_contest(said, targets, classes=CLASSES)  # type: ignore[arg-type]
