"""Geometry of line charts: figures in, places in drawing units out, y pointing down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headstart.reporting.history import TrainingHistory

WIDTH, HEIGHT = 440, 230
_MOST_TICKS = 12
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Dot:
    """One figure.

    Attributes:
        x, y: Where it is.
        text: What it says.
    """

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """One figure's course.

    Attributes:
        name: What it is called.
        kind: How it is drawn: ``train``, ``val``.
        dots: Its figures; those that are no number are left out.
    """

    name: str
    kind: str
    dots: tuple[Dot, ...]

    @property
    def points(self) -> str:
        """The line as SVG takes it."""
        return " ".join(f"{dot.x},{dot.y}" for dot in self.dots)


@dataclass(frozen=True)
class Tick:
    """A named place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A line chart.

    Attributes:
        title: What is drawn.
        description: The same for who cannot see it.
        unit: What the y axis counts.
        x_label: What the x axis counts.
        lines: Drawn in this order.
        x_ticks: Along the bottom.
        y_ticks: Along the left.
        boundaries: Where a new phase begins.
        chosen: Places that were chosen.
        width, height: Of the plot.
    """

    title: str
    description: str
    unit: str
    x_label: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    boundaries: tuple[Tick, ...] = ()
    chosen: tuple[float, ...] = ()
    width: float = WIDTH
    height: float = HEIGHT


def training_charts(history: TrainingHistory) -> list[Chart]:
    """Return the charts of loss and accuracy, epoch by epoch."""
    epochs = history.epochs
    return [
        _training_chart(
            history,
            "Loss",
            "nats",
            [epoch.loss for epoch in epochs],
            [epoch.val_loss for epoch in epochs],
        ),
        _training_chart(
            history,
            "Accuracy",
            "%",
            [100 * epoch.accuracy for epoch in epochs],
            [100 * epoch.val_accuracy for epoch in epochs],
        ),
    ]


def _training_chart(
    history: TrainingHistory,
    title: str,
    unit: str,
    train: Sequence[float],
    val: Sequence[float],
) -> Chart:
    low, high, ticks = _scale([*train, *val])
    count = len(history.epochs)
    places = [_across(i + 1, 0.5, count + 0.5) for i in range(count)]

    def line(name: str, kind: str, values: Sequence[float]) -> Line:
        dots = (
            Dot(x, y, f"{name}, epoch {number}: {value:.4g} {unit}")
            for number, (x, value) in enumerate(zip(places, values, strict=True), 1)
            if math.isfinite(value)
            for y in [_down(value, low, high)]
        )
        return Line(name, kind, tuple(dots))

    return Chart(
        title=title,
        description=f"{title} of training and validation images over {count} epochs.",
        unit=unit,
        x_label="epoch",
        lines=(line("training", "train", train), line("validation", "val", val)),
        x_ticks=_epoch_ticks(places),
        y_ticks=_y_ticks(ticks, low, high),
        boundaries=tuple(
            Tick(_across(before + 0.5, 0.5, count + 0.5), f"phase {number}")
            for number, before in enumerate((0, *history.boundaries), 1)
        )
        if history.boundaries
        else (),
        chosen=tuple(x for x, epoch in zip(places, history.epochs, strict=True) if epoch.chosen),
    )


def _epoch_ticks(places: Sequence[float]) -> tuple[Tick, ...]:
    step = math.ceil(len(places) / _MOST_TICKS)
    return tuple(Tick(places[i], str(i + 1)) for i in range(0, len(places), step))


def _scale(values: Iterable[float]) -> tuple[float, float, list[float]]:
    """Return the ends of an axis that holds all values, and round numbers on it."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    spread = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(spread / 4))
    step = next(s for s in _STEPS if s * power * 4 >= spread * 0.999) * power
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return first * step, last * step, [k * step for k in range(first, last + 1)]


def _y_ticks(ticks: Sequence[float], low: float, high: float) -> tuple[Tick, ...]:
    return tuple(Tick(_down(tick, low, high), f"{tick:.4g}") for tick in ticks)


def _across(value: float, low: float, high: float) -> float:
    return round(WIDTH * (value - low) / (high - low), 1)


def _down(value: float, low: float, high: float) -> float:
    return round(HEIGHT * (high - value) / (high - low), 1)
