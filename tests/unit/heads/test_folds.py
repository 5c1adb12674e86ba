import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headstart.heads.folds import assign_folds

targets_and_groups = st.integers(1, 120).flatmap(
    lambda rows: st.tuples(
        st.lists(st.integers(0, 4), min_size=rows, max_size=rows),
        st.lists(st.sampled_from("abcdefghij"), min_size=rows, max_size=rows),
    )
)


@given(targets_and_groups, st.integers(2, 8), st.integers(0, 3))
def test_no_group_lies_in_two_folds(rows, folds: int, seed: int) -> None:
    targets, groups = rows
    found = assign_folds(np.array(targets), groups, folds=folds, seed=seed)
    assert found.shape == (len(targets),)
    assert set(found.tolist()) <= set(range(folds))
    for group in set(groups):
        assert len({int(fold) for fold, g in zip(found, groups, strict=True) if g == group}) == 1
    np.testing.assert_array_equal(
        found, assign_folds(np.array(targets), groups, folds=folds, seed=seed)
    )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=150), st.integers(2, 8))
def test_without_groups_every_class_is_dealt_evenly(targets: list[int], folds: int) -> None:
    labels = np.array(targets)
    found = assign_folds(labels, range(len(labels)), folds=folds, seed=0)
    for of in (labels == label for label in np.unique(labels)):
        counts = np.bincount(found[of], minlength=folds)
        assert counts.max() - counts.min() <= 1
    counts = np.bincount(found, minlength=folds)
    assert counts.max() - counts.min() <= 1


def test_pairs_are_dealt_evenly_too() -> None:
    targets = np.repeat([0, 0, 0, 1, 1], 20)
    groups = [f"object {row // 2}" for row in range(100)]
    found = assign_folds(targets, groups, folds=5, seed=0)
    for label, share in ((0, 12), (1, 8)):
        assert np.bincount(found[targets == label]).tolist() == [share] * 5


def test_the_seed_shuffles_and_any_key_may_name_a_group() -> None:
    targets = np.zeros(50, dtype=np.int64)
    keys = [("camera", row) for row in range(50)]
    first, second = (assign_folds(targets, keys, folds=5, seed=seed) for seed in (0, 1))
    assert (first != second).any()
