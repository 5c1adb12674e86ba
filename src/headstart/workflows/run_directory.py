"""A run's folder: it appears whole when the run is done, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from headstart.errors import ConfigError
from headstart.files import storage_errors


class RunDirectory:
    """Collects a run's files in a hidden neighbour that is renamed at the end.

    Args:
        final: Where the run will be.

    Raises:
        ConfigError: Something is there already: a run is never overwritten.
    """

    def __init__(self, final: Path) -> None:
        refuse_existing(final)
        self.final = final
        self.path = final.parent / f".{final.name}.partial-{os.getpid()}"

    def __enter__(self) -> Self:
        with storage_errors(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        refuse_existing(self.final)
        with storage_errors(self.final):
            self.path.rename(self.final)


def refuse_existing(path: Path) -> None:
    """Refuse to write where something is already.

    Raises:
        ConfigError: Names the place and the mend.
    """
    if path.exists():
        raise ConfigError(
            f"{path} exists already and is never overwritten: "
            "choose another folder with --out, or remove it first"
        )


def free_name(parent: Path, name: str) -> Path:
    """Return ``parent/name``, or ``parent/name-2`` and so on where that exists."""
    candidate, number = parent / name, 2
    while candidate.exists():
        candidate, number = parent / f"{name}-{number}", number + 1
    return candidate
