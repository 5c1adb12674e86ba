import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.stratify import stratify

SHARES = (0.8, 0.1, 0.1)


def deal(units: list[int], labels: list[int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return stratify(np.array(units), np.array(labels), SHARES, rng=rng)


@given(st.lists(st.integers(3, 60), min_size=1, max_size=5), st.integers(0, 99))
def test_single_images_fill_every_share_to_the_image(sizes: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    dealt = stratify(np.arange(len(labels)), labels, SHARES, rng=np.random.default_rng(seed))
    for label, size in enumerate(sizes):
        counts = np.bincount(dealt[labels == label], minlength=3)
        assert counts.min() >= 1
        for count, share in zip(counts, SHARES, strict=True):
            # At most one image off, but for the one each split needs at least.
            assert abs(count - share * size) < 1 or size < 20


@given(
    st.lists(st.lists(st.integers(1, 6), min_size=3, max_size=12), min_size=1, max_size=4),
    st.integers(0, 99),
)
def test_whole_units_of_one_class_reach_every_split(sizes: list[list[int]], seed: int) -> None:
    labels = [label for label, ofthis in enumerate(sizes) for size in ofthis for _ in range(size)]
    flat = [size for ofthis in sizes for size in ofthis]
    units = np.repeat(np.arange(len(flat)), flat)
    dealt = deal(units.tolist(), labels, seed)
    for unit in range(len(flat)):
        assert len(set(dealt[units == unit])) == 1
    for label in range(len(sizes)):
        assert set(dealt[np.array(labels) == label]) == {0, 1, 2}


def test_many_units_of_mixed_classes_keep_the_shares() -> None:
    rng = np.random.default_rng(3)
    units = np.repeat(np.arange(300), rng.integers(1, 9, 300))
    labels = rng.integers(0, 3, len(units))
    dealt = deal(units.tolist(), labels.tolist())
    for label in range(3):
        shares = np.bincount(dealt[labels == label], minlength=3) / (labels == label).sum()
        assert shares == pytest.approx(SHARES, abs=0.02)


@pytest.mark.parametrize(("count", "expected"), [(1, {0}), (2, {0, 1}), (3, {0, 1, 2})])
def test_a_tiny_class_gets_into_the_first_splits(count: int, expected: set[int]) -> None:
    assert set(deal(list(range(count)), [0] * count)) == expected


def test_a_huge_unit_does_not_starve_the_others() -> None:
    units = [0] * 100 + [1, 2]
    assert sorted(deal(units, [0] * 102)[[0, 100, 101]]) == [0, 1, 2]
