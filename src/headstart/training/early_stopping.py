"""Stopping a phase when its monitored figure no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from headstart.config.training import EarlyStoppingConfig
from headstart.errors import ConfigError, listed
from headstart.training.best import Best


class EarlyStopping:
    """Says when to stop, and which epoch was the best.

    Stops as Keras does: after ``patience`` epochs in a row without progress
    (0 and 1 both stop at the first). Going back to the best epoch is the caller's job.

    Attributes:
        best_epoch: Epoch of the best figure so far; ``None`` before the first.
        improved: Whether the last update was progress.
    """

    def __init__(self, config: EarlyStoppingConfig) -> None:
        self._config = config
        self._best = Best(monitor_mode(config), min_delta=config.min_delta)
        self.best_epoch: int | None = None
        self.improved = False

    @property
    def best(self) -> float | None:
        """The best figure so far; ``None`` before the first."""
        return self._best.value

    @property
    def is_over(self) -> bool:
        """Whether it has said to stop: also after a resume."""
        return self._best.waited >= max(1, self._config.patience)

    def update(self, epoch: int, figures: Mapping[str, float]) -> bool:
        """Take an epoch's figures; return whether to stop now.

        Args:
            epoch: Number of the epoch.
            figures: Figures by name, the monitored one among them. One that is not
                finite is no progress.

        Raises:
            ConfigError: The monitored figure is not among them.
        """
        self.improved = self._best.update(self._figure(figures))
        if self.improved:
            self.best_epoch = epoch
        return self.is_over

    def state_dict(self) -> dict[str, Any]:
        """Return what JSON needs to go on from here."""
        return {
            "best": self._best.state_dict(),
            "best_epoch": self.best_epoch,
            "improved": self.improved,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._best.load_state_dict(state["best"])
        self.best_epoch, self.improved = state["best_epoch"], state["improved"]

    def _figure(self, figures: Mapping[str, float]) -> float:
        monitor = self._config.monitor
        if monitor not in figures:
            raise ConfigError(
                f"early stopping watches {monitor}, but an epoch gives only "
                f"{listed(figures)}: set early_stopping.monitor to one of these, or, "
                "for a figure of the validation images, keep some images for validation"
            )
        return float(figures[monitor])


def monitor_mode(config: EarlyStoppingConfig) -> Literal["min", "max"]:
    """Return which way the monitored figure is better; by its name where that is 'auto'.

    >>> monitor_mode(EarlyStoppingConfig(monitor="val_accuracy"))
    'max'
    """
    if config.mode != "auto":
        return config.mode
    return "max" if "accuracy" in config.monitor else "min"
