"""Classes that a user names: checked against those there are."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.left_out import WithoutClasses, judge_without


def named_classes(given: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes to leave out, in class order.

    Args:
        given: Class names, or several with commas between them.
        classes: Those there are.

    Raises:
        UnknownNameError: A name is no class; says what is close.
        ConfigError: Fewer than two classes would be left.

    >>> named_classes(["eel,cat"], ("cat", "dog", "eel", "fox"))
    ('cat', 'eel')
    """
    names = [name for text in given for name in _split(text, classes)]
    for name in names:
        if name not in classes:
            raise UnknownNameError("class", name, classes)
    chosen = tuple(name for name in classes if name in names)
    if chosen and len(classes) - len(chosen) < 2:
        raise ConfigError(
            f"without {', '.join(chosen)} there would be {len(classes) - len(chosen)} of "
            f"{len(classes)} classes left: at least two are needed to tell apart"
        )
    return chosen


def judged_without(
    probabilities: Floats,
    targets: Ints,
    *,
    classes: Sequence[str],
    without: Sequence[str],
    resamples: int,
    seed: int = 0,
    confidence: float = 0.95,
) -> WithoutClasses | None:
    """Judge answers without some classes, or return ``None`` where none is named.

    Arguments as of :func:`~headstart.evaluation.left_out.judge_without`.

    Raises:
        DataError: No image is of the classes that are left.
    """
    if not without:
        return None
    try:
        return judge_without(
            probabilities,
            targets,
            classes=classes,
            without=without,
            resamples=resamples,
            seed=seed,
            confidence=confidence,
        )
    except ValueError as error:
        raise DataError(str(error)) from error


def _split(text: str, classes: Sequence[str]) -> list[str]:
    """Split at commas, unless a class is called just so."""
    if text in classes:
        return [text]
    return [name.strip() for name in text.split(",") if name.strip()]
