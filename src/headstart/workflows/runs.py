"""``headstart runs``: the runs in a folder, filtered and sorted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.workflows.run_directory import RECORD, final_of
from headstart.workflows.stored_run import METRICS, StoredRun, read_run

_DEPTH: Final = 3
_PARTS: Final = ("config.yaml", "environment.json", "report.html")
_FEWER_IS_BETTER: Final = ("nll", "brier", "ece", "nll_uncalibrated", "ece_uncalibrated")
_MOST_FIRST: Final = ("created", "n")
_CONDITION: Final = re.compile(r"^\s*([\w.\-]+)\s*(!=|>=|<=|==|=|>|<|~)\s*(.*?)\s*$")
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda have, want: bool(have == want),
    "!=": lambda have, want: bool(have != want),
    ">=": lambda have, want: bool(have >= want),
    "<=": lambda have, want: bool(have <= want),
    ">": lambda have, want: bool(have > want),
    "<": lambda have, want: bool(have < want),
    "~": lambda have, want: str(want).lower() in str(have).lower(),
}


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """A folder among the runs that is none, or not a whole one."""

    folder: Path
    reason: str


@dataclass(frozen=True)
class RunList:
    """The runs in a folder.

    Attributes:
        runs: Those that could be read and were asked for, sorted.
        broken: Folders that could not, each with the reason.
        hidden: How many runs the filters left out.
    """

    runs: tuple[StoredRun, ...]
    broken: tuple[BrokenRun, ...]
    hidden: int


def list_runs(
    folder: str | Path = "runs", *, filters: Sequence[str] = (), sort: str = "created"
) -> RunList:
    """List the runs in a folder and the folders in it.

    Args:
        folder: Where runs are; a run itself is a list of one.
        filters: Conditions that all must hold, such as ``head.name=knn``,
            ``accuracy>=0.9`` or ``data~trash``: a column, a figure of the test, or a
            dotted key of the settings; ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, or
            ``~`` for "contains".
        sort: Column, figure or dotted key; figures the best first, dates the newest
            first, all else ascending. A minus before it turns the order round.

    Raises:
        ConfigError: A condition cannot be understood.
        DataError: There is no such folder.
        UnknownNameError: No run has such a key.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"there is no folder {root}: give the one that your runs are in")
    read = list(_read_all(root))
    broken = tuple(it for it in read if isinstance(it, BrokenRun))
    rows = [(run, flat_run(run)) for run in read if isinstance(run, StoredRun)]
    known = {key for _, row in rows for key in row}
    kept = [
        (run, row)
        for run, row in rows
        if all(_holds(row, *_condition(text, known)) for text in filters)
    ]
    ordered = _sorted(kept, sort, known)
    return RunList(tuple(ordered), broken, len(rows) - len(kept))


def flat_run(run: StoredRun) -> dict[str, Any]:
    """Return every column, figure and dotted setting of a run."""
    columns: dict[str, Any] = {
        "name": run.name,
        "created": run.created,
        "data": run.data,
        "backbone": run.backbone,
        "head": run.head,
        "strategy": run.strategy,
        "kept": run.kept,
        "recipe": run.recipe,
        "n": run.n,
        "seconds": run.seconds,
        "kind": run.kind,
        "members": "+".join(run.members),
    }
    figures = {name: estimate.value for name, estimate in run.metrics.items()}
    return {**dict(_dotted(run.config)), **figures, **columns}


def run_json(run: StoredRun) -> dict[str, Any]:
    """Return all that is known of a run as plain values."""
    return {
        "name": run.name,
        "folder": str(run.folder),
        "kind": run.kind,
        "members": list(run.members),
        "created": run.created,
        "data": run.data,
        "backbone": run.backbone,
        "head": run.head,
        "strategy": run.strategy,
        "kept": run.kept,
        "recipe": run.recipe,
        "n": run.n,
        "metrics": {name: estimate.to_json() for name, estimate in run.metrics.items()},
        "seconds": run.seconds,
        "config": dict(run.config),
        "notes": list(run.notes),
    }


def _read_all(root: Path) -> Iterator[StoredRun | BrokenRun]:
    """Yield the runs in a folder; a folder in it that holds none is named, those below not."""
    if (root / METRICS).is_file():
        yield from _search(root, 0)
        return
    for child in _folders(root):
        found = list(_search(child, _DEPTH))
        if not (found or child.name.startswith(".")):
            found = [BrokenRun(child, f"no run: it holds no {METRICS}")]
        yield from found


def _search(folder: Path, depth: int) -> Iterator[StoredRun | BrokenRun]:
    """Yield a folder as the run that it is, or what its folders hold."""
    if (folder / METRICS).is_file():
        try:
            yield read_run(folder)
        except DataError as error:
            yield BrokenRun(folder, str(error))
    elif ".partial" in folder.name:
        yield BrokenRun(folder, _about_unfinished(folder))
    elif any((folder / name).exists() for name in _PARTS):
        yield BrokenRun(folder, f"not whole: it holds no {METRICS}")
    elif depth and not folder.name.startswith("."):
        for child in _folders(folder):
            yield from _search(child, depth - 1)


def _about_unfinished(folder: Path) -> str:
    final = final_of(folder)
    if final is None or not (folder / RECORD).is_file():
        return "unfinished: under way, or cut off"
    command = shlex.join(["headstart", "train", "--resume", str(final)])
    return f"unfinished: under way, or stopped; to go on: {command}"


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _dotted(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _condition(text: str, known: Iterable[str]) -> tuple[str, str, str]:
    match = _CONDITION.match(text)
    if match is None:
        raise ConfigError(
            f"--filter {text!r}: expected key=value, such as head.name=knn or accuracy>=0.9"
        )
    key, operator, value = match.groups()
    names = sorted(known)
    if names and key not in names:
        raise UnknownNameError("column or setting", key, names)
    return key, "=" if operator == "==" else operator, value


def _value(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _holds(row: Mapping[str, Any], key: str, operator: str, wanted: str) -> bool:
    """Tell whether a condition holds; texts are compared as texts, a date for one."""
    have = row.get(key)
    try:
        plain = isinstance(have, str) or operator == "~"
        return _OPERATORS[operator](have, wanted if plain else _value(wanted))
    except TypeError:  # no such value, or no order between the two
        return False


def _sorted(
    rows: Sequence[tuple[StoredRun, Mapping[str, Any]]], sort: str, known: set[str]
) -> list[StoredRun]:
    key = sort.removeprefix("-")
    if known and key not in known:
        raise UnknownNameError("column or setting", key, sorted(known))
    have = [pair for pair in rows if pair[1].get(key) not in (None, "")]
    lack = [run for run, row in rows if row.get(key) in (None, "")]
    figures = {name for run, _ in rows for name in run.metrics}.difference(_FEWER_IS_BETTER)
    backwards = (key in figures or key in _MOST_FIRST) != sort.startswith("-")
    numbers = all(isinstance(row[key], int | float) for _, row in have)
    by_name = sorted(have, key=lambda pair: pair[0].name)
    ordered = sorted(
        by_name,
        key=lambda pair: pair[1][key] if numbers else str(pair[1][key]),
        reverse=backwards,
    )
    return [run for run, _ in ordered] + lack
