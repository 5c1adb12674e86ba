"""``headstart cache``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.config import cache_dir
from headstart.errors import ConfigError, UnknownNameError
from headstart.workflows.cache import clear_cache, limit_cache, show_cache


def run(
    action: Annotated[str, typer.Argument(help="show, limit or clear.")] = "show",
    size_mb: Annotated[
        int | None, typer.Option("--size-mb", help="limit: come down to this size, in MB.")
    ] = None,
    cache: typed.Cache = None,
) -> None:
    """Show, limit or clear what is kept between runs; all of it can be computed again.

    headstart cache limit --size-mb 2000
    """
    if action == "show":
        _show(cache)
    elif action == "clear":
        typer.echo(f"freed {_megabytes(clear_cache(cache))}")
    elif action == "limit":
        if size_mb is None or size_mb < 0:
            raise ConfigError(
                "'cache limit' needs --size-mb, the size to come down to, such as 2000"
            )
        typer.echo(f"freed {_megabytes(limit_cache(size_mb * 1_000_000, cache))}")
    else:
        raise UnknownNameError("action", action, ["show", "limit", "clear"])


def _show(cache: Path | None) -> None:
    entries = show_cache(cache)
    typer.echo(f"{cache_dir(cache)}: {_megabytes(sum(entry.disk_bytes for entry in entries))}")
    for entry in entries:
        typer.echo(f"  {entry.part:<10}{_megabytes(entry.disk_bytes):>12}  {entry.path.name}")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
