"""What a report says besides figures and pictures, from the files of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from headstart.data.manifest import SPLITS, Rejected, Split
from headstart.errors import DataError
from headstart.reporting import Candidate

Rows = Sequence[Mapping[str, str]]


def read_rows(path: Path) -> Rows:
    """Return a table's rows as texts; none where there is no such file.

    Raises:
        DataError: It is no table.
    """
    if not path.is_file():
        return []
    try:
        table = pl.read_csv(path, infer_schema=False).fill_null("")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error
    return list(table.iter_rows(named=True))


def split_counts(
    rows: Rows, classes: Sequence[str], labels: Sequence[str]
) -> dict[str, dict[Split, int]]:
    """Return class -> split -> number of images.

    Args:
        rows: Of ``split.csv``; without any, the images that were judged are a test split.
        classes: In the order to show.
        labels: Of the images that were judged.
    """
    counts: dict[str, dict[Split, int]] = {name: {} for name in classes}
    if not rows:
        return {name: {"test": labels.count(name)} for name in classes}
    for name in counts:
        counts[name] = dict.fromkeys(SPLITS, 0)
    for row in rows:
        split = next((split for split in SPLITS if split == row["split"]), None)
        if split and row["label"] in counts:
            counts[row["label"]][split] += 1
    return counts


def paths_by_class(rows: Rows, classes: Sequence[str]) -> dict[str, list[str]]:
    """Return class -> the paths of its images, from the rows of ``split.csv``."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["label"]].append(row["image_path"])
    return {name: found[name] for name in classes if found[name]}


def rejected_files(rows: Rows) -> tuple[Rejected, ...]:
    """Return the files that were set aside, from the rows of ``rejected.csv``."""
    return tuple(Rejected(row["path"], row["reason"]) for row in rows)


def candidates(rows: Rows, provenance: Mapping[str, Any]) -> tuple[Candidate, ...]:
    """Return every head that was tried, the chosen one marked; older runs say less of them.

    Args:
        rows: Of ``history.csv``.
        provenance: What the bundle says of its making.
    """
    chosen = _chosen_row(rows, provenance)
    return tuple(
        Candidate(
            taps=row["taps"],
            strength=float(row["strength"]),
            accuracy=float(row["accuracy"]),
            nll=float(row["nll"]),
            chosen=number == chosen,
            setting=row.get("setting", ""),
        )
        for number, row in enumerate(rows)
    )


def _chosen_row(rows: Rows, provenance: Mapping[str, Any]) -> int | None:
    """Return which row is the bundle's head; of several, that judged on the most images.

    A fine-tuned head may read other taps than the one that was chosen before it.
    """
    choice, taps = _choice(provenance), provenance.get("taps")
    mine = [
        number
        for number, row in enumerate(rows)
        if (row.get("setting") or f"strength {float(row['strength']):.1e}") == choice
    ]

    def likeness(number: int) -> tuple[bool, int, int]:
        return rows[number]["taps"] == taps, int(rows[number].get("images", 0)), number

    return max(mine, key=likeness, default=None)


def _choice(provenance: Mapping[str, Any]) -> str | None:
    """Return the chosen head in words, also of bundles that tell its strength alone."""
    strength = provenance.get("strength")
    told = provenance.get("head_choice") or (f"strength {strength:.1e}" if strength else None)
    return str(told) if told else None


def parity_facts(parity: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return how far the bundle's answers are from the training side's, as the report says it."""
    shown: dict[str, object] = {}
    for one in parity:
        shown[f"images compared, {one['precision']}"] = one["images"]
        shown[f"other top class, {one['precision']}"] = one["top1_disagreements"]
        shown[f"largest probability difference, {one['precision']}"] = round(
            one["largest_difference"], 4
        )
    return shown
