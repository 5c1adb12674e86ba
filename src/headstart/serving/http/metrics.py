"""Counters and histograms in Prometheus' text format, written by hand: sixty lines, no package.

https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). Labels come from
what the service knows, never from what a request says, so their number is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total: float = 0.0


class Metrics:
    """What has happened since the start."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter[Labels]] = {}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {}

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self._counters.setdefault(name, Counter())[_sorted(labels)] += by

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration to a histogram."""
        rows = self._histograms.setdefault(name, {})
        histogram = rows.setdefault(_sorted(labels), _Histogram())
        histogram.counts[bisect_left(BUCKETS_S, seconds)] += 1
        histogram.total += seconds

    def text(self, gauges: Mapping[str, float]) -> str:
        """Return all of it, and what is measured this instant.

        >>> metrics = Metrics()
        >>> metrics.count("requests_total", route="predict")
        >>> print(metrics.text({"ready": 1}), end="")
        # TYPE headstart_ready gauge
        headstart_ready 1
        # TYPE headstart_requests_total counter
        headstart_requests_total{route="predict"} 1
        """
        lines: list[str] = []
        for name, value in gauges.items():
            lines += [f"# TYPE headstart_{name} gauge", f"headstart_{name} {value:g}"]
        for name, counter in self._counters.items():
            lines.append(f"# TYPE headstart_{name} counter")
            lines += [f"headstart_{name}{_in_braces(one)} {counter[one]}" for one in counter]
        for name, rows in self._histograms.items():
            lines.append(f"# TYPE headstart_{name} histogram")
            for labels, histogram in rows.items():
                lines += _histogram_lines(f"headstart_{name}", labels, histogram)
        return "\n".join(lines) + "\n"


def _histogram_lines(name: str, labels: Labels, histogram: _Histogram) -> Iterable[str]:
    so_far = 0
    for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], histogram.counts, strict=True):
        so_far += count
        yield f"{name}_bucket{_in_braces((*labels, ('le', bound)))} {so_far}"
    yield f"{name}_sum{_in_braces(labels)} {histogram.total:.6f}"
    yield f"{name}_count{_in_braces(labels)} {so_far}"


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _in_braces(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
