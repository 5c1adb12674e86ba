"""Random draws as pure functions of where in a run they happen.

A draw that depends on nothing but (seed, phase, epoch, step) needs no saved random
state: a run that goes on after a stop draws what the whole run would have drawn.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_of(*parts: int | str) -> int:
    """Return one seed for a list of numbers and words, the same on every machine.

    Args:
        parts: What the draw depends on, such as ``(seed, "mixup", phase, epoch, step)``.
            A number and its digits as a word are different parts.

    Returns:
        A number from 0 to 2**63 - 1.

    >>> seed_of(0, "mixup", 3) == seed_of(0, "mixup", 3)
    True
    >>> seed_of(1, 23) == seed_of(12, 3)
    False
    """
    plain = [part if isinstance(part, str) else int(part) for part in parts]
    digest = hashlib.blake2b(json.dumps(plain).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """Return a generator on the processor, seeded with :func:`seed_of` the parts."""
    return torch.Generator().manual_seed(seed_of(*parts))


@contextmanager
def dropout_seed(*parts: int | str) -> Iterator[None]:
    """Seed PyTorch's own random state within the block, and put it back after.

    For what takes no generator, such as dropout and stochastic depth.
    """
    with torch.random.fork_rng(devices=range(_cards_in_use())):
        torch.manual_seed(seed_of(*parts))
        yield


def _cards_in_use() -> int:
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.device_count() if started else 0
