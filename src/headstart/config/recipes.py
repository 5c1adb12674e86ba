"""Recipes: whole training plans of published systems, one YAML file each.

A recipe says what the system did, what came out of it, and of every setting whether it is
the system's own, a translation of it, or ours because the system does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

import yaml
from pydantic import Field, ValidationError

from headstart.config.base import Settings
from headstart.config.loading import assign, merged, set_dotted
from headstart.errors import ConfigError, UnknownNameError

Nested = dict[str, Any]

KINDS: Final = ("source", "translated", "ours")
"""Where a value comes from: stated by the system, its equal here, or not stated by it."""

_REPLACED: Final = {
    "backbone.name": "backbone",
    "head.name": "head",
    "training.strategy": "training.phases",
    "training.augmentation.preset": "training.augmentation",
}
"""What goes with a name: whoever asks for another name gets rid of the recipe's section."""


class Origin(NamedTuple):
    """Where a value comes from.

    Attributes:
        kind: One of :data:`KINDS`.
        words: What was translated and how, or why we chose it; may be empty.
    """

    kind: str
    words: str


class Line(NamedTuple):
    """One setting of a recipe: its dotted key, its value, where that comes from."""

    key: str
    value: Any
    origin: Origin


class Member(Settings):
    """One network of a recipe that is a grid."""

    backbone: str = Field(description="By any of its names")
    result: str = Field("", description="What the system reports for it")
    settings: Nested = Field({}, description="Dotted key -> value, on top of the recipe's own")
    origins: dict[str, str] = Field({}, description="Dotted key -> where its value comes from")


class Recipe(Settings):
    """One published system's way, as settings."""

    name: str = Field(description="As in --recipe NAME")
    title: str = Field(description="What it does, in a line")
    source: str = Field(description="Which system, on what data")
    result: str = Field(description="What the system reports")
    ours: str = Field("", description="What it gives here, where that was measured")
    notes: tuple[str, ...] = Field((), description="What was translated, and how")
    settings: Nested = Field(description="As in a configuration file")
    origins: dict[str, str] = Field(description="Dotted key -> where its value comes from")
    grid: tuple[Member, ...] = Field((), description="Networks that are trained one by one")
    axes: dict[str, list[Any]] = Field({}, description="What else its benchmark varies")

    @property
    def backbones(self) -> tuple[str, ...]:
        """The networks it is about, in order."""
        return tuple(member.backbone for member in self.grid) or (self.settings_backbone,)

    @property
    def settings_backbone(self) -> str:
        """The network of its own settings; empty where only members name one."""
        return str(self.settings.get("backbone", {}).get("name", ""))

    def member_settings(self, member: Member | None) -> Nested:
        """Return the settings of one member, or the recipe's own for ``None``."""
        settings = deepcopy(self.settings)
        if member is not None:
            for key, value in {"backbone.name": member.backbone, **member.settings}.items():
                assign(settings, key, value, said=f"recipe {self.name}")
        return settings

    def lines(self, member: Member | None = None) -> Iterator[Line]:
        """Yield the recipe's settings, or a member's own ones, with their origins.

        Raises:
            ConfigError: A value comes from nowhere.
        """
        found = flattened(self.settings) if member is None else member.settings.items()
        origins = self.origins if member is None else member.origins
        for key, value in found:
            yield Line(key, value, _origin(key, origins))


def flattened(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every plain value of nested settings with its dotted key.

    Lists of sections are walked into, lists of plain values are values.

    >>> dict(flattened({"seed": 1, "phases": [{"epochs": 2, "betas": [0.9, 0.99]}]}))
    {'seed': 1, 'phases.0.epochs': 2, 'phases.0.betas': [0.9, 0.99]}
    """
    if isinstance(settings, dict):
        pairs: Iterable[tuple[Any, Any]] = settings.items()
    elif isinstance(settings, list) and any(isinstance(item, dict) for item in settings):
        pairs = enumerate(settings)
    else:
        yield prefix.rstrip("."), settings
        return
    for key, value in pairs:
        yield from flattened(value, f"{prefix}{key}.")


def recipe_names() -> list[str]:
    """Return the names of all recipes, sorted."""
    return sorted(_files())


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name, in any case.

    Raises:
        UnknownNameError: There is none; the message says what is close.
        ConfigError: Its file is not one.
    """
    if name.lower() not in _files():
        raise UnknownNameError("recipe", name, _files())
    return _read(name.lower())


def settings_under(recipe: Mapping[str, Any], given: Nested, assignments: Iterable[str]) -> Nested:
    """Return a recipe's settings with the user's on top.

    Where the user asks for another backbone, head, strategy or augmentation preset, what
    the recipe says of its own goes with it.

    Args:
        recipe: Its settings, nested.
        given: The user's, from a file and from options.
        assignments: ``dotted.key=value``, over all others.

    Raises:
        ConfigError: An assignment that cannot be made.

    >>> base = {"head": {"name": "gap", "dropout": 0.5}, "seed": 1}
    >>> settings_under(base, {"head": {"name": "knn"}}, ["seed=2"])
    {'seed': 2, 'head': {'name': 'knn'}}
    """
    assignments = list(assignments)
    wished = set_dotted(given, assignments)
    base = deepcopy(dict(recipe))
    for key, section in _REPLACED.items():
        mine, theirs = _at(base, key), _at(wished, key)
        if theirs is not None and str(theirs).lower() != str(mine).lower():
            base = _without(base, section.split("."))
    return set_dotted(merged(base, given), assignments)


def _at(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = settings.get(part) if isinstance(settings, dict) else None
    return settings


def _without(settings: Nested, parts: list[str]) -> Nested:
    first, *rest = parts
    inner = settings.get(first)
    if rest and isinstance(inner, dict):
        return {**settings, first: _without(inner, rest)}
    return {key: value for key, value in settings.items() if key != first}


def _files() -> dict[str, str]:
    folder = resources.files("headstart") / "recipes"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".yaml")]
    return {name.removesuffix(".yaml"): name for name in names}


@cache
def _read(name: str) -> Recipe:
    file = resources.files("headstart") / "recipes" / _files()[name]
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Recipe.model_validate({"name": name, **content})
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise ConfigError(f"the recipe {name} cannot be read: {error}") from error


def _origin(key: str, origins: Mapping[str, str]) -> Origin:
    """Return the origin of the longest dotted key that a value lies at or below."""
    parts = key.split(".")
    for end in range(len(parts), 0, -1):
        for pattern, origin in origins.items():
            if _matches(pattern.split("."), parts[:end]):
                kind, _, words = origin.partition(":")
                return Origin(kind.strip(), words.strip())
    raise ConfigError(f"the recipe does not say where {key} comes from")


def _matches(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(
        wanted in {"*", part} for wanted, part in zip(pattern, parts, strict=True)
    )
