"""What every section of the configuration has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings that never change once checked, and know no key but their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
