from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.evaluation.confident_learning import doubt_labels

Table = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


def random_table(
    seed: int, *, rows: int, classes: int, sharpness: float, margin: float = 2.0
) -> Table:
    """Answers that are right for most, with labels of which some are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), truth] += margin
    scores = np.exp(sharpness * logits)
    labels = np.where(rng.random(rows) < 0.15, rng.integers(0, classes, rows), truth)
    labels[:2] = [0, classes - 1]
    return scores / scores.sum(1, keepdims=True), labels


tables = st.builds(
    random_table,
    st.integers(0, 2**32 - 1),
    rows=st.integers(4, 150),
    classes=st.integers(2, 7),
    sharpness=st.sampled_from([0.2, 1.0, 4.0]),
)


@pytest.fixture(scope="module")
def cleanlab() -> tuple[object, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filters = pytest.importorskip("cleanlab.filter", reason="a development dependency")
        ranks = pytest.importorskip("cleanlab.rank")
    return filters.find_label_issues, ranks.get_label_quality_scores


@settings(max_examples=60)
@given(table=tables)
def test_the_labels_that_cleanlab_finds(cleanlab: tuple, table: Table) -> None:
    probabilities, labels = table
    issues = cleanlab[0](labels, probabilities, filter_by="low_self_confidence", n_jobs=1)
    would_differ = probabilities.argmax(1) != labels  # the others it drops in other methods only
    expected = (issues & would_differ).tolist()
    assert doubt_labels(probabilities, labels).suspect.tolist() == expected


@settings(max_examples=40)
@given(table=tables)
def test_quality_is_cleanlabs(cleanlab: tuple, table: Table) -> None:
    probabilities, labels = table
    expected = cleanlab[1](labels, probabilities, method="self_confidence")
    assert doubt_labels(probabilities, labels).quality == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40)
@given(table=tables)
def test_what_is_suspected_would_have_been_called_otherwise(table: Table) -> None:
    probabilities, labels = table
    doubts = doubt_labels(probabilities, labels)
    assert (doubts.suggested[doubts.suspect] != labels[doubts.suspect]).all()
    assert (doubts.quality[doubts.suspect] <= 0.5).all()
    assert ((doubts.quality >= 0) & (doubts.quality <= 1)).all()
    assert (np.diff(doubts.quality[doubts.ranked]) >= 0).all()


def test_flipped_labels_of_well_separated_classes_are_found() -> None:
    probabilities, _ = random_table(1, rows=600, classes=5, sharpness=1.0, margin=8.0)
    truth = probabilities.argmax(1)
    rng = np.random.default_rng(0)
    flipped = rng.choice(600, 30, replace=False)
    labels = truth.copy()
    labels[flipped] = (truth[flipped] + rng.integers(1, 5, 30)) % 5
    doubts = doubt_labels(probabilities, labels)
    found = set(np.flatnonzero(doubts.suspect).tolist())
    assert found <= set(flipped.tolist())
    assert len(found) >= 27
    mended = doubts.suggested[list(found)] == truth[list(found)]
    assert mended.all()


def test_sound_labels_raise_no_suspicion() -> None:
    probabilities, _ = random_table(2, rows=200, classes=3, sharpness=1.0)
    assert not doubt_labels(probabilities, probabilities.argmax(1)).suspect.any()


def test_no_image_speaks_for_a_class_without_images() -> None:
    probabilities = np.array([[0.1, 0.1, 0.8], [0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    assert not doubt_labels(probabilities, np.array([0, 0, 1])).suspect.any()


def test_no_image_and_one_class() -> None:
    assert doubt_labels(np.empty((0, 3)), np.empty(0, np.int64)).ranked.tolist() == []
    assert not doubt_labels(np.ones((2, 1)), np.zeros(2, np.int64)).suspect.any()
