from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.reporting.gallery import gallery_rows, surest_errors


def answers(n: int, classes: int, seed: int):
    rng = np.random.default_rng(seed)
    targets, said = rng.integers(0, classes, n), rng.integers(0, classes, n)
    return targets, said, rng.random(n)


@given(st.integers(1, 300), st.integers(1, 9), st.integers(1, 120), st.integers(0, 99))
@settings(max_examples=40)
def test_the_choice_is_fair(n: int, classes: int, most: int, seed: int) -> None:
    targets, said, sure = answers(n, classes, seed)
    rows = gallery_rows(targets, said, sure, most=most)
    assert len(rows) == min(n, most)
    assert (np.diff(rows) > 0).all()
    cells = dict.fromkeys(zip(targets.tolist(), said.tolist(), strict=True), 0)
    whole = dict(cells)
    for row in range(n):
        whole[targets[row], said[row]] += 1
    for row in rows:
        cells[targets[row], said[row]] += 1
    highest = max(cells.values())
    for cell, count in cells.items():
        assert count >= min(whole[cell], highest - 1)


def test_the_surest_errors_and_the_least_sure_hits_come_first() -> None:
    targets = np.array([0, 0, 0, 1, 1, 1])
    said = np.array([0, 0, 0, 0, 0, 1])
    sure = np.array([0.9, 0.5, 0.7, 0.6, 0.8, 0.99])
    assert gallery_rows(targets, said, sure, most=3).tolist() == [1, 4, 5]
    assert surest_errors(targets, said, sure, most=1).tolist() == [4]
