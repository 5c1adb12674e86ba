"""Ordered, bounded work on threads: the one way this project overlaps jobs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def cpu_count() -> int:
    """Return how many processors this process may use (at least 1)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[A], B], items: Iterable[A], *, threads: int, lookahead: int
) -> Iterator[B]:
    """Apply a function on threads, yielding results in the order of the items.

    Args:
        function: Work that releases the interpreter lock, such as decoding.
        items: Read lazily, never more than ``lookahead`` ahead of the consumer.
        threads: Worker threads.
        lookahead: Most items in flight; bounds the memory used.

    >>> list(ordered_map(str.upper, "abc", threads=2, lookahead=2))
    ['A', 'B', 'C']
    """
    source = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        pending: deque[Future[B]] = deque(
            pool.submit(function, item) for item in islice(source, lookahead)
        )
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(source, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
