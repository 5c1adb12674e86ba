from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.errors import ConfigError, DataError
from headstart.selection.curve_sizes import check_sizes, choose_sizes, nested_draw


@given(st.integers(2, 100), st.integers(1, 100_000))
def test_sizes_are_a_geometric_scale(classes: int, largest: int) -> None:
    if largest < 2 * max(20, 5 * classes):
        with pytest.raises(DataError, match=f"{largest:,} training images of {classes:,} classes"):
            choose_sizes(largest, classes)
        return
    sizes = choose_sizes(largest, classes)
    assert sizes[-1] == largest
    assert sizes[0] >= max(20, 5 * classes) - 1
    assert 3 <= len(sizes) <= 7
    assert round(largest / 2) in sizes
    steps = np.diff(np.log2(sizes))
    assert steps == pytest.approx(steps.mean(), abs=0.08)


def test_a_users_sizes() -> None:
    assert check_sizes([200, 50, 50], 400, 3) == (50, 200)
    for wrong in ([50], [4, 50], [50, 401]):
        with pytest.raises(ConfigError, match=r"from 6 \(2 a class\) to 400"):
            check_sizes(wrong, 400, 3)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=12, max_size=120),
    st.integers(0, 5),
)
def test_draws_are_nested_and_take_whole_groups(rows: list[tuple[int, int]], seed: int) -> None:
    groups = [group for _, group in rows]
    class_of: dict[int, int] = {}
    targets = np.array([class_of.setdefault(group, target) for target, group in rows])
    draw = nested_draw(np.arange(len(rows)) + 7, targets, groups, seed=seed)
    before: set[int] = set()
    for size in (6, 10, 12, 60, len(rows)):
        taken = draw.first(size) - 7
        assert list(taken) == sorted(set(taken.tolist()))
        assert before <= set(taken.tolist())
        before = set(taken.tolist())
        inside = {groups[row] for row in taken}
        assert not inside & {groups[row] for row in set(range(len(rows))) - before}
    assert len(before) == len(rows)


def test_every_beginning_has_each_class_in_its_share() -> None:
    targets = np.repeat([0, 1, 2], [600, 300, 5])
    draw = nested_draw(np.arange(905), targets, range(905), seed=0)
    for size in (10, 90, 300):
        counts = np.bincount(targets[draw.first(size)])
        assert counts.sum() == size
        assert counts[2] >= 2
        assert counts[0] / counts[1] == pytest.approx(2, rel=0.35 if size == 10 else 0.05)
