"""What a search may change: paths of the configuration, each with choices or a range.

Everything about a path but its range is taken from the schema: whether it exists, whether
it is a whole number, which names it may take.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from headstart.config.loading import read_settings
from headstart.config.schema import TrainConfig
from headstart.errors import ConfigError, UnknownNameError, close_names, listed

Value = Any
"""A setting's value as JSON holds it."""

_RANGE_KEYS: Final = ("low", "high", "log")
_EVERY: Final = "*"
_FORMS: Final = "[a, b, c], {low: 1.0e-5, high: 1.0e-2, log: true}, or schema"


@dataclass(frozen=True)
class Dimension:
    """One setting that a search may change.

    Attributes:
        path: Dotted, such as ``"head.strength"``; ``*`` stands for every place of a list.
        choices: The values, where they are listed.
        low: Least, where it is a range.
        high: Largest.
        log: Whether the range is searched by magnitude.
        whole: Whether its numbers are whole.
    """

    path: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def ends(self) -> tuple[Value, ...]:
        """Values that have to be allowed for all to be: each choice, or both ends."""
        if self.choices:
            return self.choices
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def holds(self, value: Value) -> bool:
        """Tell whether a value is within."""
        if self.choices:
            return value in self.choices
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def to_json(self) -> Value:
        """Return it as a user writes it, without the path."""
        if self.choices:
            return list(self.choices)
        return {"low": self.ends[0], "high": self.ends[1], "log": self.log}

    @property
    def described(self) -> str:
        """In words: ``"1e-07 to 0.01, by magnitude"``."""
        if self.choices:
            return ", ".join(shown(choice) for choice in self.choices)
        return f"{self.low:g} to {self.high:g}" + ", by magnitude" * self.log


Space = tuple[Dimension, ...]


def shown(value: Value) -> str:
    """Return a setting's value as text, three digits of a number.

    >>> shown([1024, 512]), shown(0.000123456), shown(None), shown("all")
    ('[1024, 512]', '0.000123', 'null', 'all')
    """
    if isinstance(value, str):
        return value
    return f"{value:.3g}" if isinstance(value, float) else json.dumps(value)


def read_space(path: Path) -> Space:
    """Read a YAML file of ``dotted.path: choices or range``.

    Raises:
        ConfigError: It cannot be read, a path is none, or a range is no range.
    """
    return parse_space(read_settings(path), said=str(path))


def parse_space(content: Mapping[str, Any], *, said: str = "space") -> Space:
    """Return the dimensions that a mapping names.

    Args:
        content: Path -> ``[a, b]``, ``{low: …, high: …, log: …}`` or ``"schema"``: all that
            the schema allows, where that is a list of names.
        said: How an error starts.

    Raises:
        ConfigError: Names every wrong path, with the close one, and every wrong range.

    >>> parse_space({"head.strength": {"low": "1e-6", "high": 0.1, "log": True}})[0].described
    '1e-06 to 0.1, by magnitude'
    """
    found, problems = [], []
    for path, wanted in _flat(content):
        try:
            found.append(_dimension(path, wanted))
        except ConfigError as error:
            problems.append(str(error))
    if problems or not found:
        nothing = f"names nothing to search: write dotted.path: {_FORMS}"
        raise ConfigError(f"{said}: {'; '.join(problems) or nothing}")
    return tuple(found)


def setting_paths(model: type[BaseModel] = TrainConfig, prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every setting; places of a list are ``*``.

    >>> "training.phases.*.optimiser.learning_rate" in set(setting_paths())
    True
    """
    for name, field in model.model_fields.items():
        inner, in_list = _section(field.annotation)
        if inner is None:
            yield prefix + name
        else:
            yield from setting_paths(inner, f"{prefix}{name}.{'*.' if in_list else ''}")


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted paths, however deep the mapping is nested."""
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and not set(value) & set(_RANGE_KEYS):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _dimension(path: str, wanted: Any) -> Dimension:
    kind = _kind(path)
    if wanted == "schema":
        return Dimension(path, choices=_named(path, kind))
    if isinstance(wanted, Sequence) and not isinstance(wanted, str) and wanted:
        return Dimension(path, choices=tuple(_number(it, kind) for it in wanted))
    if isinstance(wanted, Mapping) and {"low", "high"} <= set(wanted) <= set(_RANGE_KEYS):
        return _range(path, wanted, kind)
    raise ConfigError(f"{path}: {wanted!r} is no set of values: expected {_FORMS}")


def _range(path: str, wanted: Mapping[str, Any], kind: Any) -> Dimension:
    if kind not in (int, float):
        raise ConfigError(f"{path} is no number, so it has no range: list its values")
    low, high = (_number(wanted[end], kind) for end in ("low", "high"))
    log = wanted.get("log", False)
    if not all(isinstance(end, int | float) for end in (low, high)) or not low < high:
        raise ConfigError(f"{path}: {low!r} to {high!r} is no range: low must be below high")
    if log and low <= 0:
        raise ConfigError(f"{path}: a range by magnitude begins above 0, not at {low:g}")
    return Dimension(path, low=low, high=high, log=bool(log), whole=kind is int)


def _named(path: str, kind: Any) -> tuple[Value, ...]:
    if kind is bool:
        return (False, True)
    if get_origin(kind) is Literal:
        return get_args(kind)
    raise ConfigError(f"{path}: the schema lists no values for it: write {_FORMS}")


def _number(value: Any, kind: Any) -> Any:
    """Return what YAML took for a text, such as ``1e-5``, as the number it is."""
    if kind in (int, float) and isinstance(value, str):
        try:
            return kind(float(value))
        except ValueError:
            return value
    return value


def _kind(path: str) -> Any:
    """Return what a setting's values are: a type, or a ``Literal``.

    Raises:
        ConfigError: There is no such setting.
    """
    model: type[BaseModel] = TrainConfig
    *parents, leaf = path.split(".")
    for place, part in enumerate(parents):
        if part == _EVERY or part.isdecimal():
            continue
        field = model.model_fields.get(part)
        inner, in_list = _section(field.annotation) if field else (None, False)
        following = parents[place + 1] if place + 1 < len(parents) else leaf
        if inner is None or in_list != (following == _EVERY or following.isdecimal()):
            raise ConfigError(_unknown(path))
        model = inner
    if leaf not in model.model_fields or _section(model.model_fields[leaf].annotation)[0]:
        raise ConfigError(_unknown(path))
    return _plain(model.model_fields[leaf].annotation)


def _unknown(path: str) -> str:
    known = list(setting_paths())
    last = path.split(".")[-1]
    close = [one for one in known if one.split(".")[-1] == last] or close_names(path, known)
    if close:
        return f"unknown setting {path!r}, did you mean {listed(close, limit=3)}?"
    return str(UnknownNameError("setting", path, known))


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model behind an annotation, if there is one, and whether in a list."""
    plain = _plain(annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return plain, False
    if get_origin(plain) is tuple:
        first = get_args(plain)[0]
        if isinstance(first, type) and issubclass(first, BaseModel):
            return first, True
    return None, False


def _plain(annotation: Any) -> Any:
    """Return an annotation without ``Annotated`` and ``None``."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        others = [arm for arm in get_args(annotation) if arm is not NoneType]
        return _plain(others[0]) if len(others) == 1 else annotation
    return annotation
