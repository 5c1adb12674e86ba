import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from headstart.evaluation import metrics
from headstart.evaluation.calibration import softmax
from headstart.evaluation.judgement import judge, restore_judgement

SEEDS = st.integers(0, 2**31)
LARGEST = {"nll": 37.0, "nll_uncalibrated": 37.0, "brier": 2.0}


def answers(seed=0, *, n=None, classes=6):
    """Answers with signal, some classes absent or never predicted when n is small."""
    generator = np.random.default_rng(seed)
    n = n or int(generator.integers(1, 60))
    targets = generator.integers(classes, size=n)
    logits = generator.normal(size=(n, classes)) * 2 + 3 * np.eye(classes)[targets]
    return softmax(logits), targets


def names(classes=6):
    return [f"class {index}" for index in range(classes)]


def judged(seed=0, *, n=None, classes=6, **options):
    probabilities, targets = answers(seed, n=n, classes=classes)
    return judge(probabilities, targets, classes=names(classes), **options)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 8))
def test_every_interval_holds_its_value_within_bounds(seed, classes):
    probabilities, targets = answers(seed, classes=classes)
    judgement = judge(
        probabilities, targets, classes=names(classes), resamples=50, uncalibrated=probabilities
    )
    for name, estimate in judgement.metrics.items():
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= LARGEST.get(name, 1.0)
    for score in judgement.per_class:
        for estimate in (score.precision, score.recall, score.f1):
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_values_equal_scikit_learns(seed):
    probabilities, targets = answers(seed)
    judgement = judge(probabilities, targets, classes=names(), resamples=2)
    guesses = probabilities.argmax(axis=1)
    expected = {
        "accuracy": (guesses == targets).mean(),
        "f1_macro": f1_score(targets, guesses, average="macro", zero_division=0),
        "f1_weighted": f1_score(targets, guesses, average="weighted", zero_division=0),
        "nll": log_loss(targets, probabilities, labels=range(6)),
        "ece": metrics.ece(probabilities, targets),
        "brier": metrics.brier(probabilities, targets),
    }
    for name, value in expected.items():
        assert judgement.metrics[name].value == pytest.approx(value, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.permutations(range(6)))
def test_renaming_classes_only_permutes_the_results(seed, order):
    probabilities, targets = answers(seed)
    before = judge(probabilities, targets, classes=names(), resamples=2)
    after = judge(
        probabilities[:, order],
        np.argsort(order)[targets],
        classes=[names()[index] for index in order],
        resamples=2,
    )
    for name, estimate in before.metrics.items():
        assert after.metrics[name].value == pytest.approx(estimate.value, abs=1e-12)
    by_name = {score.name: score for score in before.per_class}
    assert all(score == by_name[score.name] for score in after.per_class)
    np.testing.assert_array_equal(after.confusion, before.confusion[np.ix_(order, order)])


def test_the_same_seed_gives_the_same_intervals_and_another_seed_nearly_the_same():
    probabilities, targets = answers(n=200)
    first, again, other = (
        judge(probabilities, targets, classes=names(), seed=seed) for seed in (1, 1, 9)
    )
    assert first == again
    assert other.metrics["f1_macro"] != first.metrics["f1_macro"]
    assert other.metrics["f1_macro"].low == pytest.approx(first.metrics["f1_macro"].low, abs=0.02)


@pytest.mark.parametrize("name", ["f1_macro", "balanced_accuracy", "nll", "brier"])
def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says(name):
    truth = judged(seed=99, n=100_000, classes=3, resamples=1).metrics[name].value
    estimates = [
        judged(seed=seed, n=150, classes=3, resamples=200).metrics[name] for seed in range(120)
    ]
    covered = np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])
    assert 0.87 <= covered <= 1.0


def test_honest_confidence_is_not_called_miscalibrated():
    generator = np.random.default_rng(0)
    reached = []
    for seed in range(60):
        probabilities = softmax(generator.normal(size=(200, 4)) * 2)
        targets = (probabilities.cumsum(axis=1) > generator.random((200, 1))).argmax(axis=1)
        judgement = judge(probabilities, targets, classes=names(4), resamples=200, seed=seed)
        reached.append(judgement.metrics["ece"].low == 0)
    assert np.mean(reached) > 0.85


def test_overconfidence_is_shown_before_calibration_and_gone_after():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2000, 4)) * 2
    targets = (softmax(logits).cumsum(axis=1) > generator.random((2000, 1))).argmax(axis=1)
    judgement = judge(softmax(logits), targets, classes=names(4), uncalibrated=softmax(logits, 0.4))
    assert judgement.metrics["ece_uncalibrated"].low > judgement.metrics["ece"].high
    assert judgement.metrics["nll_uncalibrated"].low > judgement.metrics["nll"].value


@pytest.mark.parametrize("right", [True, False])
def test_one_image_can_be_judged_and_proves_little(right):
    judgement = judge([[0.7, 0.2, 0.1]], [0 if right else 1], classes=names(3))
    assert judgement.n == 1
    for name in ("accuracy", "f1_macro", "f1_weighted", "balanced_accuracy", "ece"):
        estimate = judgement.metrics[name]
        assert estimate.high - estimate.low > 0.5


def test_no_errors_at_all_do_not_make_a_figure_certain():
    judgement = judge(np.eye(3)[[0, 1, 2] * 5], [0, 1, 2] * 5, classes=names(3))
    for name in ("accuracy", "f1_macro", "balanced_accuracy", "ece"):
        estimate = judgement.metrics[name]
        assert estimate.high - estimate.low > 0.15


def test_top5_is_given_only_where_there_are_more_than_five_classes():
    assert "top5_accuracy" not in judged(classes=5, resamples=2).metrics
    judgement = judged(classes=6, resamples=2)
    assert judgement.metrics["top5_accuracy"].value >= judgement.metrics["accuracy"].value


def test_a_class_without_images_or_predictions_is_listed_as_unknown():
    judgement = judge([[0.9, 0.1, 0.0]], [0], classes=["cat", "dog", "eel"], resamples=5)
    eel = judgement.per_class[2]
    assert (eel.name, eel.support, eel.predicted) == ("eel", 0, 0)
    for estimate in (eel.precision, eel.recall, eel.f1):
        assert (estimate.value, estimate.low, estimate.high) == (0, 0, 1)


def test_json_is_plain_finite_and_in_the_documented_form():
    probabilities, targets = answers(3, n=40)
    judgement = judge(probabilities, targets, classes=names(), uncalibrated=probabilities)
    content = judgement.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["n"] == 40
    assert set(content) == {
        *("n", "accuracy", "top5_accuracy", "f1_macro", "f1_weighted", "balanced_accuracy"),
        *("nll", "brier", "ece", "ece_adaptive", "aurc", "nll_uncalibrated", "ece_uncalibrated"),
    }
    for name in set(content) - {"n"}:
        assert list(content[name]) == ["value", "low", "high"]
        assert all(type(end) is float and math.isfinite(end) for end in content[name].values())


def test_the_commonest_mistakes_come_first():
    guesses, targets = [1, 1, 2, 0, 2, 0], [0, 0, 1, 0, 0, 2]
    judgement = judge(np.eye(3)[guesses], targets, classes=["cat", "dog", "eel"], resamples=2)
    assert judgement.most_confused(2) == [("cat", "dog", 2), ("cat", "eel", 1)]
    assert len(judgement.most_confused(99)) == 4
    assert judgement.most_confused(0) == []


def test_the_reliability_curve_adds_up_to_the_ece():
    judgement = judged(n=500, resamples=2)
    gaps = sum(part.count * abs(part.confidence - part.accuracy) for part in judgement.reliability)
    assert gaps / 500 == pytest.approx(judgement.metrics["ece"].value)


@pytest.mark.parametrize(
    ("probabilities", "targets", "said"),
    [
        (np.empty((0, 2)), [], "no images to judge: n = 0"),
        ([[0.5, 0.3, 0.2]], [0], r"expected \(images, 2\)"),
        ([0.5, 0.5], [0], r"expected \(images, 2\)"),
        ([[0.5, 0.5], [0.5, np.nan]], [0, 1], "row 1 .* NaN"),
        ([[3.0, -2.0]], [0], "softmax"),
        ([[0.5, 0.4]], [0], "sums to 0.9"),
        ([[0.5, 0.5]], [0, 1], r"expected \(1,\)"),
        ([[0.5, 0.5]], [2], "target 0 is 2: expected 0 to 1"),
        ([[0.5, 0.5]], [-1], "target 0 is -1"),
        ([[0.5, 0.5]], [0.0], "expected integers"),
    ],
)
def test_bad_input_is_refused_with_its_reason(probabilities, targets, said):
    with pytest.raises(ValueError, match=said):
        judge(probabilities, targets, classes=["a", "b"])


def test_uncalibrated_answers_of_other_images_are_refused():
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        judge([[0.5, 0.5]], [0], classes=["a", "b"], uncalibrated=[[0.5, 0.5]] * 2)


def test_float32_probabilities_with_rounding_are_welcome():
    probabilities, targets = answers(n=50)
    rounded = judge(probabilities.astype(np.float32) * 1.0002, targets, classes=names())
    exact = judge(probabilities, targets, classes=names())
    assert rounded.metrics["accuracy"] == exact.metrics["accuracy"]
    assert rounded.metrics["nll"].value == pytest.approx(exact.metrics["nll"].value, abs=1e-3)


def test_what_was_said_is_judged_where_that_is_not_the_most_probable_class():
    answers, targets = [[0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], [1, 0, 1]
    plain = judge(answers, targets, classes=["a", "b"], resamples=50)
    dear = judge(answers, targets, classes=["a", "b"], resamples=50, said=[1, 0, 1])
    assert plain.metrics["accuracy"].value == pytest.approx(2 / 3)
    assert dear.metrics["accuracy"].value == 1
    assert dear.metrics["f1_macro"].value == 1
    assert dear.metrics["aurc"].value == 0
    assert dear.metrics["ece"] == plain.metrics["ece"]
    assert dear.risk_coverage.thresholds.tolist() == [0.8, 0.7, 0.4]
    with pytest.raises(ValueError, match="targets have shape"):
        judge(answers, targets, classes=["a", "b"], said=[1, 0])


def test_a_judgement_written_down_is_restored() -> None:
    rng = np.random.default_rng(0)
    answers = rng.dirichlet(np.ones(3), 40)
    targets = rng.integers(0, 3, 40)
    names = ["a", "b", "c"]
    first = judge(answers, targets, classes=names)
    rounded, said = np.round(answers, 6), answers.argmax(axis=1)
    again = restore_judgement(rounded, said, targets, classes=names, metrics=first.metrics)
    assert (again.n, again.metrics, again.per_class) == (40, first.metrics, first.per_class)
    assert (again.confusion == first.confusion).all()
    assert [b.count for b in again.reliability] == [b.count for b in first.reliability]
    known = {"accuracy": first.metrics["accuracy"]}
    filled = restore_judgement(answers, said, targets, classes=names, metrics=known)
    assert filled.metrics == first.metrics


def test_what_was_said_is_kept_where_rounding_makes_a_tie() -> None:
    tie = [[0.5, 0.5], [0.9, 0.1]]
    again = restore_judgement(tie, [1, 0], [1, 0], classes=["a", "b"], metrics={})
    assert again.confusion.tolist() == [[1, 0], [0, 1]]
