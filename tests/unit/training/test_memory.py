"""Freed memory stays with the process while it trains, and goes back afterwards."""

from __future__ import annotations

import resource

import pytest
import torch

from headstart.training import memory
from headstart.training.memory import freed_memory_kept

LARGE = 64 * 2**20


def faults_of_ten_blocks() -> int:
    """Count the pages that the kernel had to bring for blocks that follow one another."""
    torch.ones(LARGE, dtype=torch.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(LARGE, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(memory._glibc() is None, reason="not the GNU C library")
def test_the_next_tensor_takes_the_place_of_the_last_one() -> None:
    with freed_memory_kept():
        kept = faults_of_ten_blocks()
    given_back = faults_of_ten_blocks()
    assert kept < 0.4 * given_back  # one of ten, whatever the size of a page


def test_another_c_library_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with freed_memory_kept():
        assert torch.ones(3).sum() == 3
