"""What a search notes before its first trial, so that it can go on after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import ValidationError

from headstart.config.base import Settings
from headstart.config.schema import GeometryMode
from headstart.errors import ConfigError, DataError
from headstart.files import write_text
from headstart.workflows.preparation import PreparedData
from headstart.workflows.resume_record import digest_rows

RECORD: Final = "search.json"
RESULT: Final = "tune.json"
DATABASE: Final = "trials.db"

Metric = Literal["log-loss", "accuracy", "f1"]


class TuneRecord(Settings):
    """Everything that decides the trials of a search.

    Attributes:
        schema_version: Of this file.
        data: Absolute path of the images.
        cache: Cache folder.
        config: The settings that the search starts from, complete.
        space: Path -> choices or range, as a user writes it.
        metric: What is searched for.
        trials: Most of them.
        budget_s: Time that they may take; ``None``: any.
        geometry: How images become squares; empty until it was chosen.
        reason: Why.
        data_digest: Of every image's path, content, label and split.
    """

    schema_version: Literal[1] = 1
    data: str
    cache: str
    config: dict[str, Any]
    space: dict[str, Any]
    metric: Metric
    trials: int
    budget_s: float | None
    geometry: GeometryMode | None = None
    reason: str = ""
    data_digest: str = ""

    def write(self, folder: Path) -> None:
        """Keep the record in a search's folder, written whole.

        Raises:
            StorageError: It cannot be written.
        """
        write_text(folder / RECORD, self.model_dump_json(indent=2))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the record of a search's folder, if it holds a sound one."""
        try:
            return cls.model_validate_json((folder / RECORD).read_text("utf-8"))
        except (OSError, ValidationError):
            return None

    def same_search(self, other: TuneRecord) -> bool:
        """Tell whether another search would have the same trials."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("data", "config", "space", "metric")
        )

    def with_data(self, prepared: PreparedData) -> Self:
        """Return the record with the images' digest.

        Raises:
            DataError: The search began with others.
        """
        digest = digest_rows(prepared)
        if self.data_digest and self.data_digest != digest:
            raise DataError(
                f"{self.data} has changed since the search began: other images, labels or "
                "splits. Put it back as it was, or begin a new search with another --out"
            )
        return self.model_copy(update={"data_digest": digest})


def find_search(folder: Path) -> TuneRecord:
    """Return the record of a search that can go on.

    Raises:
        ConfigError: There is none, or it has ended.
    """
    record = TuneRecord.read(folder)
    if record is None:
        raise ConfigError(
            f"{folder} is no search of headstart tune: expected the folder that it said, "
            f"with a {RECORD} in it"
        )
    if (folder / RESULT).exists():
        raise ConfigError(
            f"{folder} is finished: its winner was judged on the locked test images, and going "
            "on would look at them twice. Begin a new search with another --out"
        )
    return record
