"""Courses of the learning rate: a factor for each step of a phase, counted from 0."""

from __future__ import annotations

import math
from collections.abc import Callable

Course = Callable[[float], float]

_START_SHARE, _END_SHARE = 1 / 25, 1e-5


def steady(step: float) -> float:
    """Stay at the full rate."""
    return 1.0


def cosine(step: float, *, start: float, last: float, final: float) -> float:
    """Fall along half a wave (Loshchilov & Hutter, arXiv:1608.03983).

    Args:
        step: Where the phase is.
        start: Step where the fall begins.
        last: Last step of the phase.
        final: Factor at the last step.
    """
    return _half_wave((step - start) / max(1.0, last - start), 1.0, final)


def one_cycle(step: float, *, peak: float, last: float) -> float:
    """Rise along half a wave, fall along another (Smith & Topin, arXiv:1708.07120).

    From 1/25 of the rate to all of it and down to 1e-5 of it, as in fastai; momentum
    stays as it is.

    Args:
        step: Where the phase is.
        peak: Step of the full rate.
        last: Last step of the phase, after the peak.
    """
    if step < peak:
        return _half_wave(step / peak, _START_SHARE, 1.0)
    return _half_wave((step - peak) / (last - peak), 1.0, _END_SHARE)


def steps(step: float, *, every: int, fall: float) -> float:
    """Multiply the rate by ``fall`` after every so many steps."""
    return float(fall ** math.floor(step / every))


def _half_wave(progress: float, start: float, end: float) -> float:
    """Go from start to end along half a cosine wave; progress is clipped to 0 to 1."""
    clipped = min(1.0, max(0.0, progress))
    return end + (start - end) * (1 + math.cos(math.pi * clipped)) / 2
