import numpy as np
import pytest

from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.decision import DecisionRule
from headstart.evaluation.decision_figures import judge_decision

ANSWERS = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.1, 0.3, 0.6], [0.05, 0.9, 0.05]])
TARGETS = np.array([0, 1, 2, 0])
EVEN = np.full(3, 1 / 3)
CLASSES = ("ant", "bee", "cat")


def judged(rule):
    return judge_decision(
        rule,
        rule.apply(ANSWERS),
        TARGETS,
        classes=CLASSES,
        resampling=Resampling(resamples=100),
    )


def test_a_plain_rule_names_the_most_probable_class_always():
    rule = DecisionRule(trained=EVEN)
    decided = rule.apply(ANSWERS)
    assert rule.is_plain
    assert decided.probabilities is ANSWERS
    assert decided.labels.tolist() == [0, 0, 2, 1]
    assert decided.confidence.tolist() == [0.7, 0.4, 0.6, 0.9]
    assert not decided.unknown.any()


def test_what_is_less_sure_than_the_threshold_is_unknown_and_keeps_its_label():
    decided = DecisionRule(threshold=0.6).apply(ANSWERS)
    assert decided.unknown.tolist() == [False, True, False, False]
    assert decided.labels.tolist() == [0, 0, 2, 1]


def test_priors_move_answers_and_can_be_taken_back():
    rule = DecisionRule(trained=EVEN, priors=np.array([0.1, 0.8, 0.1]))
    decided = rule.apply(ANSWERS)
    assert decided.labels.tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(rule.undone(decided.probabilities), ANSWERS)
    np.testing.assert_allclose(decided.probabilities[0], np.array([0.07, 0.16, 0.01]) / 0.24)


def test_the_class_of_least_expected_cost_is_named():
    costs = 1 - np.eye(3)
    costs[2, :2] = 10.0  # missing a cat is dear
    decided = DecisionRule(costs=costs).apply(ANSWERS)
    assert decided.labels.tolist() == [2, 2, 2, 1]
    assert decided.confidence.tolist() == [0.1, 0.25, 0.6, 0.9]


def test_figures_count_given_answers_and_those_that_are_right():
    found = judged(DecisionRule(threshold=0.5)).answers
    assert (found.n, found.answered) == (4, 3)
    assert found.coverage.value == 0.75
    assert found.precision.value == pytest.approx(2 / 3)


def test_figures_by_class_show_whom_the_threshold_hits():
    by_class = judged(DecisionRule(threshold=0.5)).by_class
    assert [by_class[name].coverage.value for name in CLASSES] == [1.0, 0.0, 1.0]
    assert by_class["ant"].precision.value == 0.5


def test_costs_are_judged_beside_those_of_the_most_probable_class():
    costs = 1 - np.eye(3)
    costs[1] = [5.0, 0.0, 5.0]
    found = judged(DecisionRule(costs=costs))
    assert found.plain_cost.value == pytest.approx((0 + 5 + 0 + 1) / 4)
    assert found.cost.value == pytest.approx((1 + 0 + 1 + 1) / 4)
    assert found.cost.low < found.cost.value < found.cost.high
    assert {"cost", "plain_cost", "by_class", "coverage"} <= set(found.to_json())
    assert "cost" not in judged(DecisionRule(threshold=0.5)).to_json()


def test_under_priors_images_count_as_if_the_classes_had_them():
    rule = DecisionRule(trained=EVEN, priors=np.array([0.5, 0.25, 0.25]))
    np.testing.assert_allclose(rule.weights(TARGETS), [1, 1, 1, 1])
    rare = DecisionRule(trained=EVEN, priors=np.array([0.1, 0.8, 0.1]))
    np.testing.assert_allclose(rare.weights(TARGETS), [0.2, 3.2, 0.4, 0.2])
    found = judged(rare).answers
    assert found.precision.value == pytest.approx(0.8)  # all are called bee: one image is
    assert found.precision.low < 0.4  # ... which rests on that one image
    assert DecisionRule(threshold=0.5).weights(TARGETS) is None
