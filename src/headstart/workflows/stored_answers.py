"""The answers that a run left in its ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from headstart.errors import DataError, listed
from headstart.evaluation.counts import Floats, Ints
from headstart.workflows.stored_run import PREDICTIONS

_REQUIRED: Final = ("path", "true_label", "label")
_PREFIX: Final = "prob_"


@dataclass(frozen=True)
class StoredAnswers:
    """What was said of N labelled images that could be read.

    Attributes:
        file: The table.
        paths: Name of each image inside its source.
        labels: What each is.
        said: What each was taken for.
        digests: Digest of each one's content; ``None`` where that was not recorded.
        classes: Every class that there is a probability of.
        probabilities: Of shape (N, K); ``None`` where there are none.
        unreadable: Images that could not be read, and so are not among these.
    """

    file: Path
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    said: tuple[str, ...]
    digests: tuple[str, ...] | None
    classes: tuple[str, ...]
    probabilities: Floats | None
    unreadable: int

    def __len__(self) -> int:
        return len(self.paths)

    def label_places(self) -> Ints:
        """Return the position of each image's true class in ``classes``, shape (N,).

        Raises:
            DataError: A class has no probabilities.
        """
        return self._places(self.labels)

    def said_places(self) -> Ints:
        """Return the position of the class that each was taken for, shape (N,).

        Raises:
            DataError: A class has no probabilities.
        """
        return self._places(self.said)

    def _places(self, names: Sequence[str]) -> Ints:
        place = {name: number for number, name in enumerate(self.classes)}
        unknown = sorted({name for name in names if name not in place})
        if unknown:
            raise DataError(
                f"{self.file} has no probabilities of {listed(unknown)}: "
                f"expected a column {_PREFIX}{unknown[0]}"
            )
        return np.array([place[name] for name in names], np.int64)


def read_answers(place: str | Path) -> StoredAnswers:
    """Read the answers of a run.

    Args:
        place: Its folder, or a table ``path,true_label,label`` of any origin, with
            ``prob_<class>`` for every class if probabilities are known, and ``digest``
            if images are to be told by their content.

    Raises:
        DataError: There is no such table, or it is not one.
    """
    file = Path(place)
    if file.is_dir():
        file = file / PREDICTIONS
    table = _read_table(file)
    kept, unreadable = _readable(table)
    if not len(kept):
        raise DataError(f"{file} holds no answers: there is nothing to compare")
    columns = [name for name in kept.columns if name.startswith(_PREFIX)]
    return StoredAnswers(
        file=file,
        paths=tuple(kept["path"]),
        labels=tuple(kept["true_label"]),
        said=tuple(kept["label"]),
        digests=_digests(kept),
        classes=tuple(name.removeprefix(_PREFIX) for name in columns),
        probabilities=_numbers(file, kept, columns) if columns else None,
        unreadable=unreadable,
    )


def _read_table(file: Path) -> pl.DataFrame:
    if not file.is_file():
        raise DataError(f"there is no {file}: give runs, or tables of answers")
    try:
        table = pl.read_csv(file, infer_schema=False).fill_null("")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file} cannot be read as a table: {error}") from error
    missing = [name for name in _REQUIRED if name not in table.columns]
    if missing:
        raise DataError(
            f"{file} has no column {listed(missing)}: answers on labelled images have "
            f"{', '.join(_REQUIRED)}; 'headstart evaluate --out' writes them"
        )
    return table


def _readable(table: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    if "status" not in table.columns:
        return table, 0
    kept = table.filter(pl.col("status") != "error")
    return kept, len(table) - len(kept)


def _digests(table: pl.DataFrame) -> tuple[str, ...] | None:
    if "digest" not in table.columns:
        return None
    found = tuple(table["digest"])
    return found if all(found) else None


def _numbers(file: Path, table: pl.DataFrame, columns: list[str]) -> Floats:
    try:
        numbers = table.select(pl.col(columns).cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{file} has a probability that is no number: {error}") from error
    return np.asarray(numbers.to_numpy(), np.float64)
