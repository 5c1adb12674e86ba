"""A benchmark's leaderboard as files."""

from __future__ import annotations

from datetime import UTC, datetime

from headstart.evaluation.leaderboard import strategies_of
from headstart.files import write_bytes, write_csv, write_json, write_text
from headstart.reporting.benchmark_page import BenchmarkContent, render_benchmark
from headstart.reporting.benchmark_plot import draw_board
from headstart.workflows.benchmark_markdown import markdown
from headstart.workflows.benchmark_result import BenchmarkResult


def write_benchmark(result: BenchmarkResult) -> None:
    """Write ``leaderboard.html``, ``.md``, ``.csv`` and ``.json``, and a plot a data set.

    What an earlier call left is replaced: the runs are what is kept.

    Raises:
        StorageError: The disk is full or refuses.
    """
    folder = result.folder
    plots = {board.data: draw_board(board) for board in result.boards if board.entries}
    for name, plot in plots.items():
        write_bytes(folder / f"{name}.png", plot)
    write_csv(folder / "leaderboard.csv", *result.table())
    if len(result.boards) > 1 or len(strategies_of(result.boards)) > 1:
        write_csv(folder / "strategies.csv", *result.strategy_table())
    write_json(folder / "leaderboard.json", result.to_json())
    write_text(folder / "leaderboard.md", markdown(result))
    content = BenchmarkContent(
        boards=result.boards,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=result.notes,
        plots=plots,
    )
    write_text(result.page, render_benchmark(content))
