"""Running the service until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import uvicorn

from headstart.config.serving import ServeConfig
from headstart.errors import ConfigError, DataError
from headstart.serving.http.app import build_app
from headstart.serving.http.logs import log, logs_on_stderr
from headstart.serving.http.metrics import Metrics
from headstart.serving.http.protocol import guarded_protocol
from headstart.serving.http.run_pages import RunShelf
from headstart.serving.online.decoders import NO_START
from headstart.serving.online.models import Source
from headstart.serving.online.service import OnlineService

_OTHER_FILES = 200
"""Beside connections: processes that decode, models while they are read, sockets being closed."""
_NOTICE_S = 0.5
"""How long the service still answers after it has said that it is not ready any more."""


def run_server(
    sources: Sequence[Source],
    config: ServeConfig,
    *,
    runs: RunShelf | None = None,
    on_start: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; then finish what has begun.

    Args:
        sources: Bundles.
        config: Address and limits.
        runs: Folder of runs to show.
        on_start: Told the address, once requests are welcome.

    Raises:
        BundleError: A bundle is incomplete or changed.
        ConfigError: The address cannot be listened on.
        DataError: The processes that decode do not start.
    """
    with logs_on_stderr():
        service = OnlineService(sources, config)
        _allow_files(config.max_connections + _OTHER_FILES)
        _run(service, _uvicorn_config(service, config, runs), on_start)


def _run(service: OnlineService, config: uvicorn.Config, on_start: Callable[[str], None]) -> None:
    for model in service.models.models.values():
        log("loaded", model=model.name, version=model.version, precision=model.queue.precision)
    server = _Server(config, service, on_start)
    try:
        server.run()
    except SystemExit:
        service.close()
        raise ConfigError(
            f"cannot listen on {config.host}, port {config.port}: it is taken, or not this "
            "machine's; choose another with --port (0: any)"
        ) from None
    if not server.started:
        service.close()
        raise DataError(NO_START)
    log("ended")


def _allow_files(count: int) -> None:
    """Have the system allow so many open files and sockets, as far as it lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _uvicorn_config(
    service: OnlineService, config: ServeConfig, runs: RunShelf | None
) -> uvicorn.Config:
    metrics = Metrics()
    return uvicorn.Config(
        build_app(service, config, metrics, runs=runs),
        host=config.host,
        port=config.port,
        http=guarded_protocol(
            header_timeout_s=config.header_timeout_s,
            write_timeout_s=config.body_timeout_s,
            max_connections=config.max_connections,
            metrics=metrics,
        ),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, round(config.idle_timeout_s)),
        timeout_graceful_shutdown=max(1, round(config.drain_timeout_s)),
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which says that it is not ready before it ends, and ends with 0."""

    def __init__(
        self, config: uvicorn.Config, service: OnlineService, on_start: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._service = service
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what there is now stays: no collection has to look at it again
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self._on_start(f"http://{shown}:{port}")
        log("listening", host=host, port=port)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        before = {one: signal.signal(one, self._asked_to_end(loop)) for one in _ENDING}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _asked_to_end(
        self, loop: asyncio.AbstractEventLoop
    ) -> Callable[[int, FrameType | None], None]:
        def end(number: int, _: FrameType | None) -> None:
            if not self._service.is_ready:  # asked again: at once
                self.should_exit = self.force_exit = True
                return
            self._service.is_ready = False
            loop.call_soon_threadsafe(self._drain, number)

        return end

    def _drain(self, number: int) -> None:
        log("ending", signal=signal.Signals(number).name, images=self._service.load.images)
        asyncio.get_running_loop().call_later(_NOTICE_S, setattr, self, "should_exit", True)


_ENDING = (signal.SIGINT, signal.SIGTERM)
