"""A checkpoint's tensors held against what a network needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from headstart.backbones.weights.naming import NAMINGS, StateDict, naming_of
from headstart.errors import listed

Renaming = Callable[[StateDict], Mapping[str, torch.Tensor]]
_COUNTER: Final = "num_batches_tracked"
"""What batch norms count in training; older checkpoints lack it and nothing needs it."""
_TRAINING_ONLY: Final = ("AuxLogits.", "aux_classifier.")
_RULE_ERRORS: Final = (
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


class MisfitError(ValueError):
    """Tensors that are not those of the network. Says what differs, not which file.

    Args:
        why: What differs, after the file's name.
        differences: How many tensors; the fewer the nearer.
    """

    def __init__(self, why: str, differences: int) -> None:
        super().__init__(why)
        self.differences = differences


@dataclass(frozen=True, slots=True)
class Fitted:
    """Tensors under a network's own names and shapes.

    Attributes:
        tensors: All that the network needs; without the classifier if that does not fit.
        has_classifier: Whether the network's own classifier is among them.
    """

    tensors: StateDict
    has_classifier: bool


def fit_tensors(
    stored: StateDict,
    expected: Mapping[str, torch.Tensor],
    *,
    classifier: Sequence[str] = (),
    naming: str = "auto",
    renamings: Sequence[Renaming] = (),
) -> Fitted:
    """Bring a checkpoint's tensors onto a network, under whichever names they come.

    Args:
        stored: The checkpoint's tensors.
        expected: The network's own state dict: names and shapes that must be met.
        classifier: Modules that make up the network's classifier: the one part that may
            be of another shape or absent, and is then left out.
        naming: A rule of :data:`.naming.NAMINGS`, or ``"auto"``.
        renamings: The library's own conversions, tried where the names do not fit as they are.

    Raises:
        MisfitError: The tensors are another network's; says how many differ, and which.
    """
    rule = naming_of(stored) if naming == "auto" else naming
    known = [lambda tensors: NAMINGS[rule](tensors, expected)] if rule else [_as_they_are]
    misfits: list[MisfitError] = []
    for rename in [*known, *renamings]:
        try:
            fitted = _fit(_renamed(stored, rename), expected, tuple(classifier))
        except MisfitError as misfit:
            misfits.append(misfit)
        else:
            _check_finite(fitted.tensors)
            return fitted
    raise min(misfits, key=lambda misfit: misfit.differences)


def _as_they_are(tensors: StateDict) -> StateDict:
    return tensors


def _renamed(stored: StateDict, rename: Renaming) -> StateDict:
    try:
        return dict(rename(dict(stored)))
    except _RULE_ERRORS as error:
        raise MisfitError(f"does not hold the tensors of the network ({error})", len(stored)) from (
            error
        )


def _fit(
    found: StateDict, expected: Mapping[str, torch.Tensor], classifier: tuple[str, ...]
) -> Fitted:
    prefixes = tuple(f"{name}." for name in classifier)
    found = _completed(found, expected)
    head = {name for name in (*expected, *found) if prefixes and name.startswith(prefixes)}
    fits = head <= expected.keys() and not _differences(found, expected, head)
    needed = {name: tensor for name, tensor in expected.items() if fits or name not in head}
    given = {name: tensor for name, tensor in found.items() if fits or name not in head}
    _check_fit(given, needed)
    return Fitted(given, has_classifier=fits and bool(head))


def _completed(found: StateDict, expected: Mapping[str, torch.Tensor]) -> StateDict:
    counters = {name: value for name, value in expected.items() if name.endswith(_COUNTER)}
    kept = {
        name: value
        for name, value in found.items()
        if not name.startswith(_TRAINING_ONLY) and (name in expected or not name.endswith(_COUNTER))
    }
    return {**counters, **kept}


def _differences(
    found: StateDict, expected: Mapping[str, torch.Tensor], names: set[str]
) -> list[str]:
    return [name for name in names if not _same(found.get(name), expected.get(name))]


def _same(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape


def _check_fit(found: StateDict, expected: Mapping[str, torch.Tensor]) -> None:
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    reshaped = [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    parts = {"missing": missing, "unexpected": unexpected, "of another shape": reshaped}
    said = [
        f"{len(names)} {what} ({listed(names, limit=2)})" for what, names in parts.items() if names
    ]
    if said:
        count = len(missing) + len(unexpected) + len(reshaped)
        raise MisfitError(
            f"does not fit the network: of its {len(expected)} tensors and the file's "
            f"{len(found)}, {', '.join(said)}",
            count,
        )


def _check_finite(tensors: StateDict) -> None:
    bad = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise MisfitError(
            f"holds values that are not finite in {len(bad)} tensors ({listed(bad, limit=2)})",
            len(bad),
        )
