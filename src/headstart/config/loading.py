"""From YAML, ``--set`` and keyword settings to one checked configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def set_dotted(settings: Settings, assignments: Iterable[str]) -> Settings:
    """Return the settings with ``dotted.key=value`` assignments applied.

    Values are read as YAML, so ``true``, ``0.1`` and ``null`` mean what they look like.

    Raises:
        ConfigError: An assignment has no ``=``, walks into a plain value, or is not YAML.

    >>> set_dotted({}, ["data.val=0.2"])
    {'data': {'val': 0.2}}
    """
    result = _deep_copy(settings)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        *parents, leaf = key.strip().split(".")
        if not (equals and leaf and all(parents)):
            raise ConfigError(f"--set {assignment!r}: expected dotted.key=value")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(f"--set {assignment!r}: {parent!r} is a value, not a section")
        place[leaf] = _value(assignment, text)
    return result


def _value(assignment: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {assignment!r}: {text!r} is not valid YAML; quote it, as in key='\"text\"'"
        ) from error


def _deep_copy(settings: Mapping[str, Any]) -> Settings:
    return {
        key: _deep_copy(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
    }


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
