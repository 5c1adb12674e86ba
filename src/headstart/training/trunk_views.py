"""How many views of each image are kept below the frozen boundary, and what that takes."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.config.training import PhaseConfig

_GB = 1e9


@dataclass(frozen=True)
class Room:
    """What the activations of a run may take.

    Attributes:
        limit_gb: Of disk.
        views: Augmented views of each training image at most.
        images: Training images.
        checked: Validation images.
        varied: Whether training images are augmented.
    """

    limit_gb: float
    views: int
    images: int
    checked: int
    varied: bool

    def wanted_views(self, phase: PhaseConfig) -> int:
        """Return how many views are of use: not more than there are epochs to show them."""
        return min(self.views, phase.epochs) if self.varied else 1

    def size_gb(self, views: int, record_bytes: int) -> float:
        """Return what that many views take."""
        return (views * self.images + self.checked) * record_bytes / _GB

    def fitting_views(self, phase: PhaseConfig, record_bytes: int) -> int:
        """Return how many views fit, 0 where too few do.

        One view alone would switch augmentation off, unless there is one epoch alone.
        """
        wanted = self.wanted_views(phase)
        left = self.limit_gb * _GB / record_bytes - self.checked
        fitting = min(wanted, int(left // self.images)) if self.images else 0
        return fitting if fitting >= min(2, wanted) else 0
