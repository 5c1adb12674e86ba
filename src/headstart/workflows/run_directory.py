"""A run's folder: it appears whole when the run is done, or not at all.

While a run is under way its files are in a hidden neighbour, ``.NAME.partial-PID``. What
is stopped there with something to go on from is kept, and ``--resume`` finds it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from headstart.errors import ConfigError, UnknownNameError
from headstart.files import storage_errors
from headstart.workflows.folder_lock import FolderLock

RECORD: Final = "resume.json"
"""Written whole before fine-tuning: what has it can go on."""
_MARK: Final = ".partial-"
_SCRATCH: Final = ("pixels", "tuned", "checkpoints", RECORD)
_RESUMED_FROM: Final = (RECORD, "plan.json", "checkpoints", "pixels")
_LOOKED_AT: Final = ("tensorboard", "epochs.csv")
"""How far a stopped run got, to look at; made anew from its history when it goes on."""


class RunDirectory:
    """Collects a run's files in a hidden neighbour that is renamed at the end.

    An error removes it, unless fine-tuning had begun and can go on.

    Args:
        final: Where the run will be.
        partial: Where an earlier attempt got to, if this one goes on with it; it is kept
            whatever happens.

    Attributes:
        final: Where the run will be.
        path: Where its files are now.
        kept: Whether an error has left it there, to go on from.

    Raises:
        ConfigError: Something is there already: a run is never overwritten.
    """

    def __init__(self, final: Path, *, partial: Path | None = None) -> None:
        refuse_existing(final)
        self.final = final
        self.path = partial or final.parent / f".{final.name}{_MARK}{os.getpid()}"
        self.kept = False
        self._resumed = partial is not None
        self._lock = FolderLock(self.path)

    def __enter__(self) -> Self:
        with storage_errors(self.path):
            if self._resumed:
                self._take_up()
            else:
                clear_debris(self.final)
                self._make()
        return self

    def _take_up(self) -> None:
        if not self._lock.take():
            raise ConfigError(
                f"{self.path} is being worked in by another process: wait for it, or stop it first"
            )
        _sweep(self.path)

    def _make(self) -> None:
        first = self.path
        for number in count(2):
            try:
                self.path.mkdir(parents=True)
            except FileExistsError:
                pass  # of an earlier process of this number
            else:
                self._lock = FolderLock(self.path)
                if self._lock.take():
                    return
            self.path = first.with_name(f"{first.name}-{number}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._appear()
            else:
                self._stop(error)
        finally:
            self._lock.release()

    def _stop(self, error: BaseException) -> None:
        self.kept = self._resumed or _is_worth_keeping(self.path, error)
        if not self.kept:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        with suppress(OSError):  # the error under way matters more
            _sweep(self.path, kept=(*_RESUMED_FROM, *_LOOKED_AT))

    def _appear(self) -> None:
        refuse_existing(self.final)
        with storage_errors(self.final):
            self.path.rename(self.final)
        remove_scratch(self.final)


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


def remove_scratch(folder: Path) -> None:
    """Remove what only a run that is under way needs; a kill in between is mended by another."""
    for name in _SCRATCH:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def partials_of(final: Path) -> list[Path]:
    """Return the unfinished folders of a run, whoever left them."""
    start = f".{final.name}{_MARK}"
    if not final.parent.is_dir():
        return []
    found = (path for path in final.parent.iterdir() if path.name.startswith(start))
    return sorted(path for path in found if path.is_dir())


def final_of(partial: Path) -> Path | None:
    """Return where an unfinished folder's run was to be; ``None``: it is no such folder."""
    name, mark, _ = partial.name.rpartition(_MARK)
    return partial.parent / name[1:] if mark and name[:1] == "." and name[1:] else None


def clear_debris(final: Path) -> None:
    """Remove what killed runs of this name left that nobody can go on from."""
    for path in partials_of(final):
        if (path / RECORD).exists():
            continue
        lock = FolderLock(path)
        if lock.take() and lock.is_held:
            shutil.rmtree(path, ignore_errors=True)
        lock.release()


def _is_worth_keeping(folder: Path, error: BaseException) -> bool:
    if isinstance(error, ConfigError | UnknownNameError) or not (folder / RECORD).exists():
        return False
    checkpoints = folder / "checkpoints"
    return (folder / "plan.json").exists() or any(checkpoints.glob("step-*.safetensors"))


def _sweep(folder: Path, kept: tuple[str, ...] = _RESUMED_FROM) -> None:
    """Remove what is made anew, and what a kill left half-written."""
    for path in folder.iterdir():
        if path.name not in kept:
            _remove(path)
        elif path.is_dir():
            for inner in path.glob(".*"):
                _remove(inner)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
