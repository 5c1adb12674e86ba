"""From YAML, ``--set`` and keyword settings to one checked configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from headstart.config.schema import TrainConfig
from headstart.errors import ConfigError, close_names

Settings = dict[str, Any]


def build_config(settings: Mapping[str, Any]) -> TrainConfig:
    """Check nested settings and complete them with the defaults.

    Args:
        settings: Nested mapping, as in a YAML file.

    Raises:
        ConfigError: Names every wrong key and value at once, with its dotted key.

    >>> build_config({"backbone": {"name": "efficientnet_lite2"}}).head.folds
    5
    """
    try:
        return TrainConfig.model_validate(settings)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        raise ConfigError("; ".join(problems)) from None


def read_settings(path: Path) -> Settings:
    """Read a YAML settings file.

    Raises:
        ConfigError: The file is missing, not YAML, or not a mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold settings such as 'seed: 1', one a line")
    return content


def merged(base: Settings, more: Settings) -> Settings:
    """Return ``base`` with what ``more`` says on top, section by section.

    >>> merged({"data": {"val": 0.2, "test": 0.2}}, {"data": {"val": 0.1}})
    {'data': {'val': 0.1, 'test': 0.2}}
    """
    result = dict(base)
    for key, value in more.items():
        mine = result.get(key)
        both = isinstance(mine, dict) and isinstance(value, dict)
        result[key] = merged(mine, value) if both else value  # type: ignore[arg-type]
    return result


def set_dotted(settings: Settings, assignments: Iterable[str]) -> Settings:
    """Return the settings with ``dotted.key=value`` assignments applied.

    Values are read as YAML, so ``true``, ``0.1`` and ``null`` mean what they look like.
    A number is a place in a list, from 0, and ``*`` every place of it.

    Raises:
        ConfigError: An assignment has no ``=``, walks into a plain value or past the end
            of a list, or is not YAML.

    >>> set_dotted({}, ["data.val=0.2"])
    {'data': {'val': 0.2}}
    >>> set_dotted({"phases": [{"epochs": 20}, {"epochs": 10}]}, ["phases.*.epochs=1"])
    {'phases': [{'epochs': 1}, {'epochs': 1}]}
    """
    result = deepcopy(settings)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (equals and all(key.strip().split("."))):
            raise ConfigError(f"--set {assignment!r}: expected dotted.key=value")
        assign(result, key.strip(), _value(assignment, text), said=f"--set {assignment!r}")
    return result


def assign(settings: Settings, key: str, value: Any, *, said: str) -> None:
    """Set one dotted key, in place. See :func:`set_dotted`.

    Args:
        settings: Changed.
        key: Such as ``"training.phases.*.epochs"``.
        value: Kept as it is.
        said: How an error starts.

    Raises:
        ConfigError: The key walks into a plain value or past the end of a list.
    """
    _assign(settings, key.split("."), value, said)


def _assign(place: Any, parts: Sequence[str], value: Any, said: str) -> None:
    part, *rest = parts
    for key in _places(place, part, said):
        if not rest:
            place[key] = deepcopy(value)
            continue
        inner = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        if not isinstance(inner, dict | list):
            raise ConfigError(f"{said}: {part!r} is a value, not a section")
        _assign(inner, rest, value, said)


def _places(place: Any, part: str, said: str) -> Iterable[Any]:
    """Return the keys that a part of a dotted key means."""
    if isinstance(place, dict):
        return [part]
    if part == "*" and place:
        return range(len(place))
    if part.isdecimal() and int(part) < len(place):
        return [int(part)]
    raise ConfigError(
        f"{said}: {part!r} is no place in a list of {len(place)}: "
        "write a number from 0, or * for every place"
    )


def _value(assignment: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {assignment!r}: {text!r} is not valid YAML; quote it, as in key='\"text\"'"
        ) from error


def _explain(problem: Mapping[str, Any]) -> str:
    location = [str(part) for part in problem["loc"] if not _is_type_tag(part)]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}{_suggestion(location)}"
    return f"{key}: {problem['input']!r} is not allowed: {problem['msg']}"


def _is_type_tag(part: object) -> bool:
    return isinstance(part, str) and ("[" in part or part in {"constrained-int", "none"})


def _suggestion(location: list[str]) -> str:
    keys = _dotted_keys(TrainConfig)
    elsewhere = [key for key in keys if key.split(".")[-1] == location[-1]]
    close = elsewhere or close_names(".".join(location), keys)
    return f", did you mean {close[0]}?" if close else ""


def _dotted_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys.extend(_dotted_keys(inner, f"{prefix}{name}."))
        else:
            keys.append(prefix + name)
    return keys
