"""``headstart serve``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headstart.config.serving import ServeConfig, build_serve_config
from headstart.errors import ConfigError
from headstart.workflows.serve import serve

_FIELDS = ServeConfig.model_fields
_TOKEN = "HEADSTART_TOKEN"


def _option(key: str, *flags: str, **more: Any) -> Any:
    field = _FIELDS[key]
    plain = field.default is None or isinstance(field.default, bool | tuple)
    default = "" if plain else f" [{field.default}]"
    return typer.Option(*flags, help=f"{field.description}.{default}", show_default=False, **more)


def run(
    bundles: Annotated[
        list[str], typer.Argument(help="Bundles or runs, or NAME=PATH; several at once.")
    ],
    runs: Annotated[
        str | None, typer.Option("--runs", metavar="DIR", help="Folder of runs to show at /runs.")
    ] = None,
    host: Annotated[str | None, _option("host", "--host")] = None,
    port: Annotated[int | None, _option("port", "--port")] = None,
    token: Annotated[str | None, _option("token", "--token", envvar=_TOKEN)] = None,
    insecure: Annotated[bool, _option("insecure", "--insecure")] = False,
    allow_host: Annotated[list[str] | None, _option("allowed_hosts", "--allow-host")] = None,
    queue: Annotated[int | None, _option("queue_images", "--queue")] = None,
    workers: Annotated[int | None, _option("workers", "--workers")] = None,
    threads: Annotated[int | None, _option("threads", "--threads")] = None,
    precision: Annotated[str | None, _option("precision", "--precision")] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other limit, as in max_body_mb=8 or body_timeout_s=5."),
    ] = None,
) -> None:
    """Answer images over HTTP, for people at / and for programs at /v1/predict.

    headstart serve runs/waste

    headstart serve runs/waste --runs runs

    headstart serve glass=runs/a paper=runs/b --host 0.0.0.0 --allow-host waste.example
    """
    given = {
        "host": host,
        "port": port,
        "token": token,
        "insecure": insecure,
        "allowed_hosts": allow_host,
        "queue_images": queue,
        "workers": workers,
        "threads": threads,
        "precision": precision,
        **_pairs(more or []),
    }
    config = build_serve_config({key: value for key, value in given.items() if value is not None})
    serve(bundles, config=config, runs=runs, on_start=_say)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"--set {one!r}: write KEY=VALUE, as in --set max_body_mb=8")
        pairs[key.strip()] = value.strip()
    return pairs


def _say(address: str) -> None:
    typer.echo(f"serving on {address} (Ctrl-C ends it)", err=True)
