from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headstart.selection.sampling import stratified_sample


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    most=st.integers(1, 200),
    seed=st.integers(0, 9),
)
def test_as_many_as_asked_for_and_no_row_twice(sizes: list[int], most: int, seed: int) -> None:
    targets = np.repeat(np.arange(len(sizes)), sizes)
    rows = stratified_sample(targets, most, seed)
    assert len(rows) == min(most, len(targets))
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(targets[rows], minlength=len(sizes))
    few = min(10, most // len(sizes))
    assert (counts >= np.minimum(sizes, few)).all()


def test_every_class_has_its_share() -> None:
    targets = np.repeat([0, 1, 2], [600, 300, 100])
    rows = stratified_sample(targets, 200, seed=0)
    assert np.bincount(targets[rows]).tolist() == [120, 60, 20]


def test_a_rare_class_keeps_a_few_images() -> None:
    targets = np.repeat([0, 1], [9_980, 20])
    assert np.bincount(targets[stratified_sample(targets, 400, seed=0)]).tolist() == [390, 10]


def test_the_seed_decides() -> None:
    targets = np.repeat([0, 1], 200)
    first, again, other = (stratified_sample(targets, 50, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
