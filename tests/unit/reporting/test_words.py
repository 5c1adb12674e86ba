"""Numbers and names as a person reads them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.reporting import words


def test_a_figure_that_does_not_exist_is_a_dash() -> None:
    assert words.percent(math.nan) == "–"
    assert words.plain(math.nan) == "–"


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0.0, "0.00 s"), (0.999, "1.0 s"), (9.96, "10 s"), (99.4, "99 s"), (119.7, "2 min 00 s")],
)
def test_durations_round_to_the_next_unit_cleanly(duration_s: float, text: str) -> None:
    assert words.seconds(duration_s).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 kB"), (999_999, "1.0 MB")]
)
def test_file_sizes_choose_their_unit(size: int, text: str) -> None:
    assert words.file_size(size).replace("\u00a0", " ") == text


@given(text=st.text(), limit=st.integers(2, 40))
def test_shortened_names_fit_on_one_line(text: str, limit: int) -> None:
    short = words.shortened(text, limit)
    assert len(short) <= limit
    assert "\n" not in short
    assert "\u202e" not in short


def test_nested_settings_become_dotted_keys() -> None:
    settings = {"a": {"b": {"c": (1, None)}, "d": {}}, "e": True}
    assert words.flattened(settings) == [("a.b.c", "1, –"), ("a.d", "{}"), ("e", "True")]
