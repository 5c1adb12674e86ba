from __future__ import annotations

import itertools
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.parallel import cpu_count, ordered_map


@given(st.lists(st.integers(), max_size=50), st.integers(1, 5), st.integers(1, 9))
def test_results_come_in_the_order_of_the_items(items, threads: int, lookahead: int) -> None:
    found = ordered_map(lambda x: x * 2, items, threads=threads, lookahead=lookahead)
    assert list(found) == [x * 2 for x in items]


def test_a_slow_item_holds_back_those_behind_it() -> None:
    def wait(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number

    assert list(ordered_map(wait, range(6), threads=3, lookahead=6)) == list(range(6))


def test_it_reads_no_more_than_it_was_allowed_ahead() -> None:
    taken = 0

    def items():
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield number

    results = ordered_map(str, items(), threads=2, lookahead=5)
    for consumed in range(1, 50):
        next(results)
        assert taken <= consumed + 5
    results.close()


def test_work_goes_on_beside_the_consumer() -> None:
    together = threading.Barrier(3, timeout=10)
    assert len(list(ordered_map(lambda _: together.wait(), range(3), threads=3, lookahead=3))) == 3


def running() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_stopping_early_ends_its_threads() -> None:
    results = ordered_map(str, itertools.count(), threads=2, lookahead=4)
    next(results)
    assert running()
    results.close()
    assert not running()


@pytest.mark.parametrize("fails_in", ["work", "source"])
def test_an_error_arrives_in_its_place_and_ends_the_threads(fails_in: str) -> None:
    def work(number: int) -> int:
        if fails_in == "work" and number == 3:
            raise LookupError(number)
        return number

    def source():
        yield from range(3 if fails_in == "source" else 9)
        if fails_in == "source":
            raise LookupError(3)

    seen = []
    with pytest.raises(LookupError):
        seen.extend(ordered_map(work, source(), threads=2, lookahead=1))
    assert seen == ([0, 1, 2] if fails_in == "work" else [0, 1])
    assert not running()


def test_at_least_one_processor() -> None:
    assert cpu_count() >= 1
