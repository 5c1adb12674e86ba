"""What is trained, in words: ``"last 2 stages"``, ``"from layer 94"``, ``"blocks.5.*"``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from headstart.errors import ConfigError, close_names, listed
from headstart.training.layers import Layer
from headstart.training.stages import stage_names, stage_starts

EXAMPLES: Final = (
    "head, all, 'last 20 layers', 'last 280 of 780 layers', 'from layer 94', "
    "'from layer 94 of 132', 'last 2 stages', a share such as 0.3 or 30%, "
    "or names such as 'blocks.5.*'"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What an expression means for one network.

    Attributes:
        names: Weights of the backbone that are trained; the head always is.
        words: What was understood, for a person.
    """

    names: frozenset[str]
    words: str


def trainable_names(
    expression: str, layers: Sequence[Layer], stages: Sequence[str]
) -> frozenset[str]:
    """Return the weights that an expression trains. See :func:`choose_trained`."""
    return choose_trained(expression, layers, stages).names


def choose_trained(expression: str, layers: Sequence[Layer], stages: Sequence[str]) -> Choice:
    """Return what an expression trains.

    Layers count from 0, as in Keras: ``from layer 94`` trains ``layers[94:]``. With
    ``of M`` the numbers are those of a count of M, such as Keras', and are taken in
    proportion where this network's own count is another.

    Args:
        expression: ``head``, ``all``, ``last N layers``, ``last N of M layers``,
            ``from layer N``, ``from layer N of M``, ``last N stages``, a share of the
            layers from the top, or globs of weight or module names between commas.
        layers: The network's layers.
        stages: Modules in depth order.

    Raises:
        ConfigError: The expression means nothing, counts too far or matches nothing.
    """
    text = " ".join(expression.lower().split())
    for pattern, rule in _RULES:
        match = re.fullmatch(pattern, text)
        if match:
            first, how = rule(match, layers, stages)
            return Choice(_names(layers[first:]), _explained(how, layers, first))
    return _matching(expression, layers)


def _head(match: re.Match[str], layers: Sequence[Layer], stages: Sequence[str]) -> tuple[int, str]:
    del match, stages
    return len(layers), ""


def _all(match: re.Match[str], layers: Sequence[Layer], stages: Sequence[str]) -> tuple[int, str]:
    del match, layers, stages
    return 0, ""


def _last_layers(
    match: re.Match[str], layers: Sequence[Layer], stages: Sequence[str]
) -> tuple[int, str]:
    del stages
    number, count = int(match["n"] or 1), int(match["m"] or len(layers))
    if not 1 <= number <= count:
        raise ConfigError(_beyond(match[0], f"there are {count} layers", f"1 to {count}"))
    ours = max(1, _scaled(number, count, len(layers)))
    return len(layers) - ours, _mapped(count, len(layers), f"the last {number}", f"the last {ours}")


def _from_layer(
    match: re.Match[str], layers: Sequence[Layer], stages: Sequence[str]
) -> tuple[int, str]:
    del stages
    number, count = int(match["n"]), int(match["m"] or len(layers))
    if number >= count:
        found = f"{count} layers are numbered from 0 to {count - 1}"
        raise ConfigError(_beyond(match[0], found, f"0 to {count - 1}"))
    ours = min(_scaled(number, count, len(layers)), len(layers) - 1)
    return ours, _mapped(count, len(layers), f"layer {number}", f"layer {ours}")


def _last_stages(
    match: re.Match[str], layers: Sequence[Layer], stages: Sequence[str]
) -> tuple[int, str]:
    number = int(match["n"] or 1)
    names = stage_names(layers, stages)
    if not 1 <= number <= len(names):
        found = f"the stages are {listed(names)}"
        raise ConfigError(_beyond(match[0], found, f"1 to {len(names)}"))
    return stage_starts(layers, stages)[-number], ""


def _share(match: re.Match[str], layers: Sequence[Layer], stages: Sequence[str]) -> tuple[int, str]:
    del stages
    share = float(match["p"]) / 100 if match["p"] else float(match["s"])
    if share > 1:
        raise ConfigError(_beyond(match[0], "a share goes from 0 to 1", "0.3 or 30%"))
    ours = max(1, round(share * len(layers))) if share > 0 else 0
    return len(layers) - ours, f"{100 * share:g} % of {len(layers)} layers are {ours}"


_Rule = Callable[[re.Match[str], Sequence[Layer], Sequence[str]], tuple[int, str]]
_RULES: Final[tuple[tuple[str, _Rule], ...]] = (
    ("head|none", _head),
    ("all", _all),
    (r"last(?: (?P<n>\d+))?(?: of (?P<m>\d+))? layers?", _last_layers),
    (r"last (?P<n>\d+)(?: layers?)? of (?P<m>\d+)", _last_layers),
    (r"from (?:layer )?(?P<n>\d+)(?: of (?P<m>\d+))?(?: layers?)?", _from_layer),
    (r"last(?: (?P<n>\d+))? stages?", _last_stages),
    (r"(?P<s>\d*\.\d+|\d+\.)|(?P<p>\d+(?:\.\d*)?) ?%", _share),
)


def _scaled(number: int, count: int, ours: int) -> int:
    return (2 * number * ours + count) // (2 * count)  # rounded, halves up


def _mapped(count: int, ours: int, theirs: str, mine: str) -> str:
    if count == ours:
        return ""
    return f"{theirs} of {count} layers is taken in proportion: {mine} of the {ours} counted here"


def _beyond(text: str, found: str, allowed: str) -> str:
    return f"what is trained, {text!r}, cannot be: {found}; choose {allowed} ('head' trains none)"


def _explained(how: str, layers: Sequence[Layer], first: int) -> str:
    if first == len(layers):
        return "the head alone"
    span = f"layers {first} to {len(layers) - 1} (from {layers[first].name}) and the head"
    reason = f"{how}; " if how else ""
    empty = "" if _names(layers[first:]) else "; but these layers have no weights"
    return f"{reason}{span}{empty}"


def _names(layers: Iterable[Layer]) -> frozenset[str]:
    return frozenset(name for layer in layers for name in layer.weights)


def _matching(expression: str, layers: Sequence[Layer]) -> Choice:
    patterns = [part.strip() for part in expression.split(",")]
    patterns = [part for part in patterns if part != "head"]
    if not all(patterns) or any(re.search(r"\s", part) for part in patterns):
        raise ConfigError(f"what is trained, {expression!r}, is not understood: write {EXAMPLES}")
    found = [_matches(pattern, sorted(_names(layers))) for pattern in patterns]
    names = frozenset(name for matches in found for name in matches)
    return Choice(names, f"{len(names)} weight tensors that match {expression}, and the head")


def _matches(pattern: str, names: Sequence[str]) -> list[str]:
    found = [
        name for name in names if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
    ]
    if not found:
        close = close_names(pattern.rstrip(".*"), {"head", "all", *_modules(names)})
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ConfigError(
            f"what is trained, {pattern!r}, matches no weights of the backbone: {hint}"
            f"'headstart layers' lists the names; or write {EXAMPLES}"
        )
    return found


def _modules(names: Iterable[str]) -> set[str]:
    parts = [name.split(".") for name in names]
    return {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}
