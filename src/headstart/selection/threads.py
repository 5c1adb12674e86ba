"""Arithmetic on a few thousand rows: one thread each, several at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: on so few rows several mostly wait for each other.

    With two threads on two cores that others used as well, evidence from 1,000 images took
    20 to 48 s, with one 4 to 6; scoring a backbone on 1,500 took 15 to 60 s with two.
    """
    with torch_threads(1):
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Keep PyTorch to some threads: another number of them rounds otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
