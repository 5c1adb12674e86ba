"""Numbers by class, as users give them: ``a=0.7,b=0.3``, or a YAML, JSON or CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from headstart.config.loading import read_settings
from headstart.errors import ConfigError, UnknownNameError, listed

Numbers = npt.NDArray[np.float64]

EQUAL: Final = ("equal", "balanced", "uniform")
ESTIMATE: Final = "estimate"
_LABELS: Final = ("label", "class", "name")


def read_priors(given: str | Path | Mapping[str, Any], classes: Sequence[str]) -> Numbers:
    """Return the shares of the classes, which sum to 1.

    Args:
        given: ``"equal"``, ``"a=0.7,b=0.3"``, a mapping, or a file: YAML or JSON of
            ``class: share``, or CSV of ``label,share``. Counts do, too.
        classes: Names, K of them.

    Returns:
        Shares of shape (K,), above 0.

    Raises:
        ConfigError: A class is missing, a share is not above 0, or there is no such file.
        UnknownNameError: A class is none of the model's.

    >>> read_priors("cat=3,dog=1", ["cat", "dog"]).tolist()
    [0.75, 0.25]
    """
    if isinstance(given, str) and given.strip().lower() in EQUAL:
        return np.full(len(classes), 1 / len(classes))
    found = _by_class(given, classes, what="priors", table=_read_pairs)
    missing = [name for name in classes if name not in found]
    if missing:
        raise ConfigError(f"priors: nothing is said of {listed(missing)}: give every class a share")
    shares = np.array([_number(found[name], f"priors: {name}") for name in classes])
    if not (shares > 0).all():
        name = classes[int(shares.argmin())]
        raise ConfigError(
            f"priors: {name} has {shares.min():g}, expected a number above 0: a class that "
            "cannot occur could never be named again; write a small share such as 1e-6"
        )
    return np.asarray(shares / shares.sum(), np.float64)


def read_costs(given: str | Path | Mapping[str, Any], classes: Sequence[str]) -> Numbers:
    """Return what it costs to call an image of one class another.

    Args:
        given: ``"a=5,b=1"`` or a mapping of what any mistake on images of that class costs;
            a mapping of mappings, true class to named class to cost; or a file of either,
            YAML, JSON, or CSV: ``label,cost``, or a matrix with true classes in rows.
            What is not said costs 1, a right answer nothing.
        classes: Names, K of them.

    Returns:
        Costs of shape (K, K), true classes in rows.

    Raises:
        ConfigError: A cost is no number from 0, every cost is 0, or there is no such file.
        UnknownNameError: A class is none of the model's.

    >>> read_costs("cat=5", ["cat", "dog"]).tolist()
    [[0.0, 5.0], [1.0, 0.0]]
    """
    costs = 1.0 - np.eye(len(classes))
    position = {name: index for index, name in enumerate(classes)}
    for name, value in _by_class(given, classes, what="costs", table=_read_matrix).items():
        row = position[name]
        if not isinstance(value, Mapping):
            costs[row] = _number(value, f"costs: {name}") * (np.arange(len(classes)) != row)
            continue
        for other, cost in value.items():
            _check_known("costs", [str(other)], classes)
            costs[row, position[str(other)]] = _number(cost, f"costs: {name}: {other}")
    if not costs.max():
        raise ConfigError("costs: every cost is 0, so nothing is to be decided by: leave them out")
    return costs


def _by_class(
    given: str | Path | Mapping[str, Any],
    classes: Sequence[str],
    *,
    what: str,
    table: Callable[[Path, list[list[str]]], dict[str, Any]],
) -> dict[str, Any]:
    if isinstance(given, Mapping):
        found = dict(given)
    elif "=" in str(given) and not Path(given).is_file():
        found = _written(str(given), what)
    else:
        found = _read_file(Path(given), what, table)
    _check_known(what, found, classes)
    return found


def _check_known(what: str, names: Sequence[str] | Mapping[str, Any], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(f"class in {what}", str(name), known)


def _written(text: str, what: str) -> dict[str, Any]:
    pairs = [part.rpartition("=") for part in text.split(",") if part.strip()]
    wrong = [f"{name}{value}" for name, equals, value in pairs if not equals]
    if wrong:
        raise ConfigError(f"{what}: {wrong[0]!r} has no number: write a=0.7,b=0.3, or name a file")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read_file(
    path: Path, what: str, table: Callable[[Path, list[list[str]]], dict[str, Any]]
) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(
            f"{what}: {str(path)!r} is no file, and not written as a=0.7,b=0.3 either"
        )
    if path.suffix.lower() not in {".csv", ".tsv"}:
        return {str(name): value for name, value in read_settings(path).items()}
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream, delimiter=delimiter) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{what}: {path} cannot be read: {error}") from error
    uneven = [number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])]
    if len(rows) < 2 or uneven:
        place = f"line {uneven[0]} has another length" if uneven else "it has no rows"
        raise ConfigError(f"{what}: {path} is no table: {place}")
    return table(path, rows)


def _read_pairs(path: Path, rows: list[list[str]]) -> dict[str, Any]:
    header = [name.strip().lower() for name in rows[0]]
    if len(header) != 2 or header[0] not in _LABELS:
        raise ConfigError(f"{path} has the columns {listed(rows[0])}: expected label and a number")
    return {row[0].strip(): row[1] for row in rows[1:]}


def _read_matrix(path: Path, rows: list[list[str]]) -> dict[str, Any]:
    header = [name.strip() for name in rows[0]]
    if len(header) == 2 and header[0].lower() in _LABELS:
        return _read_pairs(path, rows)
    return {row[0].strip(): dict(zip(header[1:], row[1:], strict=True)) for row in rows[1:]}


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ConfigError(f"{where} is {value!r}: expected a number from 0")
    return number
