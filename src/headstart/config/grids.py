"""Grids: lists of values by setting, and the combinations that they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from headstart.errors import ConfigError, UnknownNameError

Nested: TypeAlias = dict[str, Any]
Axes: TypeAlias = Mapping[str, Sequence[Any]]
GridLike: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""Axes and, under ``settings``, what all runs share; or several of these, one after another."""

AXES: Final[Mapping[str, str]] = {
    "backbones": "backbone.name",
    "sizes": "data.image_size_px",
    "heads": "head.name",
    "strategies": "training.strategy",
    "seeds": "seed",
}
"""Short name of an axis -> the setting that it varies. Any other axis is a dotted key."""

_SETTINGS: Final = "settings"


@dataclass(frozen=True)
class Grid:
    """Axes, and what their runs have in common.

    Attributes:
        axes: Dotted key -> the values that it takes, one or more.
        settings: Of every run, nested.
    """

    axes: Axes = field(default_factory=dict)
    settings: Nested = field(default_factory=dict)

    def with_axes(self, axes: Axes) -> Grid:
        """Return the grid with these axes instead of its own ones, or besides them."""
        return Grid({**self.axes, **axes}, self.settings)

    def combinations(self) -> list[dict[str, Any]]:
        """Return every choice of values by dotted key; the first axis changes slowest.

        >>> grid = build_grids({"backbones": ["a", "b"], "seeds": [1, 2]})[0]
        >>> [list(choice.values()) for choice in grid.combinations()]
        [['a', 1], ['a', 2], ['b', 1], ['b', 2]]
        """
        chosen = product(*self.axes.values())
        return [dict(zip(self.axes, values, strict=True)) for values in chosen]


def as_assignments(choice: Mapping[str, Any]) -> list[str]:
    """Return one choice of values as what ``--set`` takes.

    >>> as_assignments({"head.name": "knn", "head.widths": [256]})
    ['head.name=knn', 'head.widths=[256]']
    """
    return [f"{key}={_as_yaml(value)}" for key, value in choice.items()]


def _as_yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("...\n").strip("\n")


def read_grids(path: Path) -> tuple[Grid, ...]:
    """Read a grid file.

    Raises:
        ConfigError: It is missing, not YAML, or not a grid; see :func:`build_grids`.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    try:
        return build_grids(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def build_grids(content: GridLike) -> tuple[Grid, ...]:
    """Check a grid, or a list of grids.

    Args:
        content: Axis -> its values (a single one need not be a list). An axis is one of
            :data:`AXES`, or a dotted key of the configuration.

    Raises:
        ConfigError: It is no mapping; or an axis is named twice, or has no value.
        UnknownNameError: An axis is neither.

    >>> build_grids({"heads": "linear", "head.folds": [3, 5]})[0].axes
    {'head.name': ['linear'], 'head.folds': [3, 5]}
    """
    many = [content] if isinstance(content, Mapping) else content
    if not (
        isinstance(many, list | tuple) and many and all(isinstance(it, Mapping) for it in many)
    ):
        raise ConfigError(
            "a grid is values by setting, such as 'backbones: [lite0, lite2]' and "
            f"'heads: [linear, knn]', or a list of such grids; found {content!r}"
        )
    return tuple(_build({str(name): values for name, values in one.items()}) for one in many)


def _build(content: dict[str, Any]) -> Grid:
    settings = content.pop(_SETTINGS, None) or {}
    if not isinstance(settings, dict):
        raise ConfigError(f"settings of a grid are nested, as in a file; found {settings!r}")
    axes: dict[str, list[Any]] = {}
    for name, values in content.items():
        key = _key(name)
        if key in axes:
            raise ConfigError(f"{name} varies {key}, as another axis of the grid does: keep one")
        axes[key] = _values(name, values)
    return Grid(axes, settings)


def _key(name: str) -> str:
    key = AXES.get(name, name)
    if "." not in key and key not in AXES.values():
        raise UnknownNameError("axis of a grid", name, (*AXES, "a dotted setting: head.dropout"))
    return key


def _values(name: str, values: Any) -> list[Any]:
    found = list(values) if isinstance(values, list | tuple) else [values]
    if not found:
        raise ConfigError(f"{name} of the grid has no value: give one or more, or leave it out")
    unique: list[Any] = []
    for value in found:
        if value not in unique:
            unique.append(value)
    return unique


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """Read ``key=value,value`` as an axis.

    Raises:
        ConfigError: It is not written so.

    >>> parse_axis("head.dropout=0.1,0.5")
    ('head.dropout', [0.1, 0.5])
    >>> parse_axis("head.widths=[256],[512, 256]")
    ('head.widths', [[256], [512, 256]])
    """
    key, _, values = text.partition("=")
    try:
        found = yaml.safe_load(f"[{values}]")
    except yaml.YAMLError:
        found = None
    if not (key.strip() and found):
        raise ConfigError(f"--vary {text!r}: expected dotted.key=value,value")
    return key.strip(), found
