"""Lengths of time as people write them: ``90s``, ``10m``, ``1.5h``."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_FORM: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")


def seconds(text: str) -> float:
    """Return a length of time in seconds.

    Raises:
        ValueError: It is not written so, or is nothing.

    >>> seconds("10m"), seconds("1.5h")
    (600.0, 5400.0)
    """
    found = _FORM.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ValueError(f"{text!r} is no length of time: write 90s, 10m or 2h")
    return float(found[1]) * _UNITS[found[2]]


def rounded(length: float) -> str:
    """Return a length of time in words, no finer than needed to plan by.

    Args:
        length: In seconds.

    >>> rounded(8.4), rounded(95), rounded(4000)
    ('8 s', '2 min', '1 h 7 min')
    """
    if length < 90:
        return f"{length:.0f} s"
    hours, minutes = divmod(round(length / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
