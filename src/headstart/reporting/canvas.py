"""What every plot shares: an empty figure, its title, named ticks, intervals, a PNG.

Matplotlib is imported when the first plot is drawn, and its stateful ``pyplot`` never:
no figure outlives its drawing, and no window system is asked for.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from headstart.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, INK, GREY, GRID = "#0072B2", "#D55E00", "#16202B", "#7A858F", "#E3E7EB"
"""Okabe and Ito's palette, told apart by people with any colour vision."""
_POINTS_PER_INCH = 72
_SMALLEST_FONT, _LARGEST_FONT = 4.0, 10.5


def blank_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure, its size in inches, that no global registry keeps alive."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, colors=INK)
    axes.set_axisbelow(True)
    return figure, axes


def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes, the same each time.

    The canvas is drawn once; ``savefig`` would draw it twice.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes, not refused.
        warnings.filterwarnings("ignore", message="Glyph|Matplotlib currently does not support")
        canvas.draw()
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(buffer, "PNG")
    return buffer.getvalue()


def write_title(figure: Figure, axes: Axes, title: str, subtitle: str) -> None:
    """Write a bold title and, below it, a line that says what is seen."""
    figure.suptitle(title, x=0.02, ha="left", fontsize=14, fontweight="bold", color=INK)
    axes.set_title(subtitle, loc="left", fontsize=9.5, color=GREY, pad=10)


def name_ticks(
    axes: Axes, which: Literal["x", "y"], names: Sequence[str], *, spacing_in: float, rotation: int
) -> None:
    """Write a name at each whole number of an axis, small enough not to overlap.

    Args:
        axes: Where to write.
        which: Which axis.
        names: One text per tick, taken literally: a dollar sign is no formula.
        spacing_in: Inches between two ticks.
        rotation: Degrees, counted anticlockwise.
    """
    size = 0.8 * spacing_in * _POINTS_PER_INCH
    axis = axes.xaxis if which == "x" else axes.yaxis
    step = max(1, int(np.ceil(_SMALLEST_FONT / size)))
    axis.set_ticks(range(0, len(names), step))
    labels = axis.set_ticklabels(
        list(names[::step]),
        rotation=rotation,
        fontsize=min(max(size, _SMALLEST_FONT), _LARGEST_FONT),
    )
    for label in labels:
        label.set_parse_math(False)


def draw_intervals(
    axes: Axes,
    places: npt.NDArray[np.float64],
    estimates: Sequence[Estimate],
    *,
    upright: bool,
    colour: str,
) -> None:
    """Draw each estimate's interval as a line, in percent.

    Args:
        axes: Where to draw.
        places: Position of each on the other axis, shape (N,).
        estimates: Shares with their intervals, N of them.
        upright: Whether the lines are vertical.
        colour: Their colour.
    """
    lines = axes.vlines if upright else axes.hlines
    lows, highs = [100 * e.low for e in estimates], [100 * e.high for e in estimates]
    lines(places, lows, highs, color=colour, linewidth=1.8, alpha=0.5)


def name_powers(axes: Axes) -> None:
    """Name 1, 2, 5, 10, 20 … on a logarithmic horizontal axis, as plain numbers."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(NullLocator())
