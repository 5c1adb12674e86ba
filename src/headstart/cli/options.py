"""Options that are settings: their help, default and range come from the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from headstart.config import TrainConfig
from headstart.config.loading import Settings, merged

__all__ = ["given_settings", "merged", "setting"]


def setting(key: str, *flags: str) -> Any:
    """Return a command-line option for a dotted key of the configuration.

    Args:
        key: Such as ``"data.geometry"``.
        flags: Such as ``"--geometry"``; the first is shown first.
    """
    field = _field(key)
    default = "" if field.default is None else f" [{field.default}]"
    return typer.Option(*flags, help=f"{field.description}.{default}", show_default=False)


def given_settings(values: Mapping[str, object]) -> Settings:
    """Nest the options that were given: dotted key -> value, ``None`` where not given.

    >>> given_settings({"seed": 1, "data.val": None, "data.test": 0.2})
    {'seed': 1, 'data': {'test': 0.2}}
    """
    nested: Settings = {}
    for key, value in values.items():
        if value is None:
            continue
        *parents, leaf = key.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return nested


def given_flags(context: typer.Context) -> list[str]:
    """Return what the user gave: the first flag of each option, the name of each argument."""
    sources = {p: context.get_parameter_source(str(p.name)) for p in context.command.params}
    return [p.opts[0] for p, source in sources.items() if source and source.name == "COMMANDLINE"]


def _field(key: str) -> FieldInfo:
    model: type[BaseModel] = TrainConfig
    *parents, leaf = key.split(".")
    for parent in parents:
        inner = model.model_fields[parent].annotation
        assert isinstance(inner, type), f"{parent} is no section"
        model = inner
    return model.model_fields[leaf]
