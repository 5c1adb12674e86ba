"""How long work reports how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A listener to long work; the command line draws bars, the default is silent."""

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        """Yield the items while showing how many of ``total`` have passed.

        Args:
            items: What to pass through, unchanged and in order.
            total: How many there will be.
            task: What is being done, in a word or two: ``"features"``.
            unit: What one item is, in the plural: ``"images"``.
        """
        ...

    def wait(self, task: str) -> AbstractContextManager[object]:
        """Show that a step without countable items is under way, for as long as it takes.

        Args:
            task: What is being done: ``"fitting the head"``.
        """
        ...

    def say(self, message: str) -> None:
        """Tell the user one line that matters: a choice made, a warning."""
        ...


class Silent:
    """A :class:`Progress` that says nothing."""

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        """Yield the items, showing nothing."""
        del total, task, unit
        yield from items

    def wait(self, task: str) -> AbstractContextManager[object]:
        """Show nothing."""
        del task
        return nullcontext()

    def say(self, message: str) -> None:
        """Say nothing."""
        del message
