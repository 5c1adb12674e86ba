"""``headstart serve``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from headstart.config.serving import ServeConfig
from headstart.serving.http.run_pages import RunShelf
from headstart.serving.http.server import run_server
from headstart.serving.online.models import read_sources


def serve(
    bundles: Sequence[str],
    *,
    config: ServeConfig | None = None,
    runs: str | Path | None = None,
    on_start: Callable[[str], None] = lambda address: None,
) -> None:
    """Answer images over HTTP until told to end (SIGTERM, SIGINT).

    Args:
        bundles: ``PATH`` or ``NAME=PATH`` each: a bundle, or a run that holds one.
        config: Address and limits; loopback, port 8000 where not given.
        runs: Folder of runs to show at ``/runs``.
        on_start: Told the address, once requests are welcome.

    Raises:
        BundleError: A bundle is missing, incomplete or changed.
        DataError: There is no such folder of runs.
        ConfigError: A name that cannot be served, or an address that cannot be listened on.
    """
    shelf = None if runs is None else _shelf(runs)
    run_server(read_sources(bundles), config or ServeConfig(), runs=shelf, on_start=on_start)


def _shelf(runs: str | Path) -> RunShelf:
    from headstart.workflows.served_runs import ServedRuns  # tables: only where they are shown

    return ServedRuns(runs)
