"""What a learning curve says, for people who are no statisticians."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headstart.errors import listed
from headstart.evaluation.intervals import Estimate
from headstart.selection.curve_result import LearningCurve

_LITTLE: Final = 0.005
"""A gain that is surely below half a point is next to nothing."""
_SHOWN: Final = 0.05


def headline(curve: LearningCurve) -> str:
    """Return what twice the images would bring, in a sentence."""
    gain, now, doubled = curve.gain, curve.now, curve.doubled
    if gain is None or now is None or doubled is None:
        return (
            "What twice the images would bring cannot be said from these sizes: "
            f"{len(curve.points)} of them fit almost any curve."
        )
    if not curve.can_be_said:
        return (
            "What twice the images would bring cannot be said from these sizes: anything from "
            f"{_tenths(gain.low)} to {_tenths(gain.high)} points would agree with them."
        )
    if gain.high < _LITTLE:
        return (
            "Twice the images would bring next to nothing: "
            f"{_points(gain)}, at {_percent(now.value)} now."
        )
    return (
        f"Twice the images would bring about {_points(gain)}: from {_percent(now.value)} with "
        f"{curve.images:,} to about {_percent(doubled.value)} with {2 * curve.images:,}."
    )


def details(curve: LearningCurve) -> Iterator[str]:
    """Yield what else there is to say, a sentence each."""
    yield _last_step(curve)
    shown = [it for it in curve.classes if it.p_value < _SHOWN and it.gain.value > 0]
    shown.sort(key=lambda it: -it.gain.value)
    if shown:
        named = listed((f"{it.name} ({100 * it.gain.value:+.1f})" for it in shown), limit=5)
        yield f"Still learning, by class: {named} points of recall over that step."
    elif len(curve.classes) > 1:
        yield "No single class is shown to have gained by that step."


def _last_step(curve: LearningCurve) -> str:
    start, end = curve.points[curve.half].images, curve.points[-1].images
    gain = curve.last_step
    measured = f"from {start:,.0f} to {end:,.0f} training images accuracy rose by {_points(gain)}"
    if gain.low > 0:
        return f"Measured, {measured}."
    return f"Measured, {measured}: not more than chance explains."


def _points(estimate: Estimate) -> str:
    return f"{_tenths(estimate.value)} points ({_tenths(estimate.low)} to {_tenths(estimate.high)})"


def _tenths(share: float) -> str:
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
