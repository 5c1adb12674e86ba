"""New versions of bundles, looked for while the service answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from headstart.errors import HeadstartError
from headstart.serving.http.logs import log
from headstart.serving.http.metrics import Metrics
from headstart.serving.online.models import ModelRegistry


@contextlib.asynccontextmanager
async def reloading(
    models: ModelRegistry, *, every_s: float, metrics: Metrics
) -> AsyncIterator[None]:
    """Look for new versions while inside; 0 seconds: never."""
    if not every_s:
        yield
        return
    task = asyncio.create_task(_watch(models, every_s, metrics))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(models: ModelRegistry, every_s: float, metrics: Metrics) -> None:
    said: dict[str, str] = {}
    while True:
        await asyncio.sleep(every_s)
        for name in models.changed():
            said[name] = await _reload(models, name, metrics, said.get(name, ""))


async def _reload(models: ModelRegistry, name: str, metrics: Metrics, said: str) -> str:
    """Return what went wrong, in words; it is logged once, and tried again."""
    try:
        model = await asyncio.to_thread(models.reload, name)
    except (HeadstartError, RuntimeError, OSError) as error:
        if str(error) != said:
            log("reload failed", level=logging.WARNING, model=name, reason=str(error))
            metrics.count("reloads_total", model=name, outcome="failed")
        return str(error)
    if model is not None:
        log("reloaded", model=name, version=model.version)
        metrics.count("reloads_total", model=name, outcome="done")
    return ""
