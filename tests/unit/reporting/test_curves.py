from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.reporting.curves import HEIGHT, WIDTH, training_charts
from headstart.reporting.history import Epoch, TrainingHistory

numbers = st.floats(0, 1e6) | st.just(math.nan)
shares = st.floats(0, 1)


@st.composite
def histories(draw: st.DrawFn) -> TrainingHistory:
    count = draw(st.integers(1, 15))
    epochs = tuple(
        Epoch(1 + n // 4, n, draw(numbers), draw(shares), draw(numbers), draw(shares), 1e-3, 1.0)
        for n in range(count)
    )
    return TrainingHistory(epochs, (), 10, 10, kept=True)


@given(histories())
@settings(max_examples=30)
def test_every_figure_lies_inside_the_plot(history: TrainingHistory) -> None:
    for chart in training_charts(history):
        dots = [dot for line in chart.lines for dot in line.dots]
        assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in dots)
        assert all(0 <= tick.at <= HEIGHT for tick in chart.y_ticks)
        assert 2 <= len(chart.y_ticks) <= 8


def test_phases_and_chosen_epochs_are_marked_and_gaps_left() -> None:
    epochs = (
        Epoch(1, 1, 0.9, 0.5, math.nan, 0.6, 1e-3, 1.0, chosen=True),
        Epoch(2, 1, 0.5, 0.7, 0.6, 0.7, 1e-3, 1.0),
        Epoch(2, 2, 0.4, 0.8, 0.5, 0.8, 1e-3, 1.0, chosen=True),
    )
    loss, accuracy = training_charts(TrainingHistory(epochs, (), 10, 10, kept=True))
    assert [len(line.dots) for line in loss.lines] == [3, 2]
    assert [tick.text for tick in loss.boundaries] == ["phase 1", "phase 2"]
    assert 0 < loss.boundaries[1].at < WIDTH
    places = [dot.x for dot in accuracy.lines[0].dots]
    assert list(accuracy.chosen) == [places[0], places[2]]
    assert places[0] < loss.boundaries[1].at < places[1]
