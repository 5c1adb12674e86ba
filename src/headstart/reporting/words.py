"""Figures as a person reads them: numbers with units, and sentences from judgements."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Protocol

_NBSP = "\u00a0"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Interval(Protocol):
    """A value with its 95 % interval, such as :class:`headstart.evaluation.Estimate`."""

    @property
    def value(self) -> float:
        """The estimate."""
        ...

    @property
    def low(self) -> float:
        """Lower end."""
        ...

    @property
    def high(self) -> float:
        """Upper end."""
        ...


def percent(share: float, *, digits: int = 1) -> str:
    r"""Write a share as a percentage that does not break across lines.

    >>> percent(0.9048).replace("\u00a0", " ")
    '90.5 %'
    """
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f}{_NBSP}%"


def percent_interval(estimate: Interval) -> str:
    r"""Write the two ends of a share's interval.

    >>> from types import SimpleNamespace
    >>> percent_interval(SimpleNamespace(value=.9, low=.874, high=.929)).replace("\u00a0", " ")
    '87.4 to 92.9 %'
    """
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return "–"
    return f"{100 * estimate.low:.1f} to {percent(estimate.high)}".replace(" ", _NBSP)


def plain(value: float) -> str:
    """Write a number that is no share, with three decimals."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def plain_interval(estimate: Interval) -> str:
    """Write the two ends of an interval that is no share."""
    return f"{plain(estimate.low)} to {plain(estimate.high)}".replace(" ", _NBSP)


def counted(number: int) -> str:
    """Write a count with thousands separated.

    >>> counted(60000)
    '60,000'
    """
    return f"{number:,}"


def seconds(duration_s: float) -> str:
    r"""Write a duration with the precision a person wants.

    >>> [seconds(value).replace("\u00a0", " ") for value in (0.042, 7.31, 38.2, 125)]
    ['0.04 s', '7.3 s', '38 s', '2 min 05 s']
    """
    if duration_s >= 99.5:
        minutes, rest = divmod(round(duration_s), 60)
        return f"{minutes}{_NBSP}min{_NBSP}{rest:02d}{_NBSP}s"
    digits = 2 if duration_s < 0.995 else 1 if duration_s < 9.95 else 0
    return f"{duration_s:.{digits}f}{_NBSP}s"


def milliseconds(duration_s: float) -> str:
    r"""Write a short duration in milliseconds.

    >>> [milliseconds(value).replace("\u00a0", " ") for value in (0.00412, 0.0683)]
    ['4.1 ms', '68 ms']
    """
    digits = 1 if duration_s < 0.00995 else 0
    return f"{1000 * duration_s:.{digits}f}{_NBSP}ms"


def p_value(chance: float) -> str:
    """Write a p-value.

    >>> p_value(0.4321), p_value(0.00001)
    ('0.432', '< 0.001')
    """
    return "< 0.001" if chance < 0.001 else f"{chance:.3f}"


def file_size(size_bytes: float) -> str:
    r"""Write a file size in decimal units.

    >>> file_size(18_240_000).replace("\u00a0", " ")
    '18.2 MB'
    """
    power = 0
    while size_bytes >= 999.5 and power < len(_UNITS) - 1:
        size_bytes, power = size_bytes / 1000, power + 1
    return f"{size_bytes:.{1 if power > 1 else 0}f}{_NBSP}{_UNITS[power]}"


def shortened(text: str, limit: int) -> str:
    """Cut a long name with an ellipsis, on one line and without invisible characters.

    >>> shortened("a very long class name", 10)
    'a very lo…'
    """
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def flattened(settings: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as dotted keys and texts, in the order given.

    >>> flattened({"head": {"strength": 0.1}, "seed": 1})
    [('head.strength', '0.1'), ('seed', '1')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows.extend(flattened(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", _setting(value)))
    return rows


def _setting(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value)
    return "–" if value is None else str(value)
