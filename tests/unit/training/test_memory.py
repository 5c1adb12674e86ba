"""Freed memory stays with the process while it trains."""

from __future__ import annotations

import subprocess
import sys

import pytest

from headstart.training import memory
from headstart.training.memory import freed_memory_kept

FAULTS = """
import ctypes, resource
from headstart.training.memory import freed_memory_kept

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
LARGE = 64 * 2**20

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        block = library.malloc(LARGE)
        ctypes.memset(block, 1, LARGE)
        library.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
with freed_memory_kept():
    kept = faults()
print(usual, kept)
"""


@pytest.mark.skipif(memory._glibc() is None, reason="not the GNU C library")
def test_a_block_takes_the_place_of_the_last_one() -> None:
    """Counts the pages that the kernel had to bring for blocks that follow one another."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    )
    usual, kept = map(int, done.stdout.split())
    assert kept < 0.3 * usual  # one block of ten, whatever the size of a page


def test_another_c_library_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with freed_memory_kept():
        pass
