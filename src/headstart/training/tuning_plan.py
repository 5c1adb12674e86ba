"""What one fine-tuning does, once everything is decided: written down, so a resume repeats it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import Field, ValidationError

from headstart.config.augmentation import AugmentationConfig
from headstart.config.base import Settings
from headstart.config.training import PhaseConfig
from headstart.files import write_text
from headstart.training.arithmetic import Name

_NAME: Final = "plan.json"


class TuningPlan(Settings):
    """Phases, augmentation and arithmetic of a run, and why they are what they are."""

    phases: tuple[PhaseConfig, ...] = Field((), description="In order; none: the head is enough")
    augmentation: AugmentationConfig = AugmentationConfig()
    arithmetic: Name = Field("f32", description="How steps are computed")
    images_per_s: float | None = Field(None, description="Measured while choosing it")
    reasons: tuple[str, ...] = Field((), description="Of each decision, in words")

    def write(self, folder: Path) -> None:
        """Keep the plan in a run's folder."""
        write_text(folder / _NAME, self.model_dump_json(indent=2))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the plan that a run's folder holds, if it holds a sound one."""
        try:
            return cls.model_validate_json((folder / _NAME).read_text("utf-8"))
        except (OSError, ValidationError):
            return None
