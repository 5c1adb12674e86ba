"""Settings of the decision: when no answer is given, which priors and costs it goes by."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from headstart.config.base import Settings

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RejectConfig(Settings):
    """What is to be reached by leaving unsure answers out: one of the two."""

    precision: Share | None = Field(None, description="Share of the given answers that is right")
    coverage: Share | None = Field(None, description="Share of the images that get an answer")

    @model_validator(mode="after")
    def _one_of_them(self) -> RejectConfig:
        if (self.precision is None) == (self.coverage is None):
            raise ValueError("give one of precision and coverage, such as precision=0.98")
        return self


class DecisionConfig(Settings):
    """How probabilities become answers."""

    reject: RejectConfig | None = Field(
        None,
        description="Answer 'unknown' where too unsure: precision=0.98 or coverage=0.9, "
        "reached by a threshold from validation answers",
    )
    assurance: Annotated[float, Field(ge=0.5, lt=1)] | None = Field(
        0.95,
        description="How sure the precision is to hold on new images; null: as it comes out "
        "on validation answers",
    )
    priors: dict[str, Positive] | str | None = Field(
        None,
        description="Shares of the classes where the model is used, if not those of the training "
        "images: equal, a=0.7,b=0.3, or a file",
    )
    costs: dict[str, Cost | dict[str, Cost]] | str | None = Field(
        None,
        description="What mistakes cost, if not all the same: a=5,b=1 by true class, or a file "
        "of those or of a matrix",
    )

    @field_validator("reject", mode="before")
    @classmethod
    def _as_one_writes_it(cls, value: Any) -> Any:
        """Read ``precision=0.98``."""
        if not isinstance(value, str):
            return value
        target, equals, share = value.partition("=")
        if not equals or target.strip() not in RejectConfig.model_fields:
            raise ValueError("write precision=0.98 or coverage=0.9")
        return {target.strip(): share.strip()}

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to decide but the most probable class."""
        return self.reject is None and self.priors is None and self.costs is None
