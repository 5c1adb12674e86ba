from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import BundleError
from headstart.export.parity import Differences, ParityReport, accuracy_test

SURE = np.array([[0.9, 0.1], [0.2, 0.8]])


def report(**changes: object) -> ParityReport:
    values = {
        "format": "onnx",
        "measured_on": "onnx",
        "images_from": "two images",
        "bundle": Differences.between(SURE, SURE),
        "limit": 1e-3,
        "trained": None,
    }
    return ParityReport(**{**values, **changes})  # type: ignore[arg-type]


def test_equal_answers_pass() -> None:
    report().check()
    assert json.loads(json.dumps(report().to_json()))["passed"] is True


@pytest.mark.parametrize("apart", [0.002, np.nan])
def test_answers_too_far_apart_or_no_numbers_are_refused(apart: float) -> None:
    found = Differences.between(SURE + np.array([[apart, -apart], [0, 0]]), SURE)
    with pytest.raises(BundleError, match="Nothing was written"):
        report(bundle=found).check()


def test_a_loss_of_accuracy_is_refused_only_where_it_is_shown() -> None:
    truth = np.zeros(100, np.int64)
    right, wrong = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    sure = np.tile(right, (100, 1))

    def lost(count: int) -> np.ndarray:
        return np.concatenate([np.tile(wrong, (count, 1)), sure[count:]])

    few = report(limit=None, accuracy_test=accuracy_test(lost(3), sure, truth))
    assert few.passed  # three of three: p = .25
    many = accuracy_test(lost(20), sure, truth)
    with pytest.raises(BundleError, match=r"-0\.200"):
        report(limit=None, accuracy_test=many, max_loss=0.01).check()
    assert report(limit=None, accuracy_test=many, max_loss=0.25).passed
