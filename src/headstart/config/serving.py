"""Settings of the service, its limits above all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, model_validator

from headstart.config.base import Settings
from headstart.config.schema import Precision
from headstart.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SHORTEST_TOKEN = 16
"""Characters below which a token can be guessed."""


class ServeConfig(Settings):
    """Where the service listens, whom it answers, and how much it takes on."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port; 0: any that is free")
    token: str | None = Field(
        None,
        min_length=SHORTEST_TOKEN,
        description="Secret that requests must bring (Authorization: Bearer); any other address "
        "than loopback needs one",
    )
    insecure: bool = Field(False, description="Answer anybody on any address, without a token")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Names that the service is reached by, beside addresses and localhost"
    )
    queue_images: int = Field(
        64, ge=1, le=10_000, description="Images in work or waiting; more are answered 503"
    )
    explain_queue: int = Field(
        4, ge=0, le=1000, description="Activation maps in work or waiting; 0: none are drawn"
    )
    max_body_mb: int = Field(32, ge=1, le=1024, description="Largest request, in MB")
    memory_mb: int = Field(
        256, ge=1, le=65_536, description="Most MB of requests held at once; more are answered 503"
    )
    max_files: int = Field(32, ge=1, le=1000, description="Most images in one request")
    max_pixels: int = Field(50_000_000, ge=1, description="Largest image decoded, in pixels")
    header_timeout_s: float = Field(10, gt=0, le=600, description="Deadline of a request's header")
    body_timeout_s: float = Field(20, gt=0, le=600, description="Deadline of a request's body")
    idle_timeout_s: float = Field(20, gt=0, le=600, description="Rest between two requests")
    drain_timeout_s: float = Field(20, gt=0, le=600, description="Time to finish at the end")
    max_connections: int = Field(1000, ge=1, description="Most connections at once")
    decode_timeout_s: float = Field(10, gt=0, le=600, description="Time that one image may take")
    decode_memory_mb: int = Field(
        1024, ge=64, description="Memory that decoding one image may take, in MB"
    )
    workers: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None, description="Processes that decode; one a processor where not given"
    )
    threads: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Processor threads of the networks; all that are allowed where not given"
    )
    precision: Precision = Field("auto", description="Arithmetic: auto, bf16 or f32")
    reload_s: float = Field(
        2, ge=0, le=3600, description="How often to look for a new version of a bundle; 0: never"
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return is_loopback(self.host)

    @model_validator(mode="after")
    def _guarded(self) -> ServeConfig:
        if not (self.is_loopback or self.token or self.insecure):
            raise ValueError(
                f"{self.host} can be reached from other machines: give --token SECRET, or "
                "--insecure to answer anybody"
            )
        return self


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine alone.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "a.example")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def build_serve_config(settings: Mapping[str, Any]) -> ServeConfig:
    """Check settings and complete them with the defaults.

    Raises:
        ConfigError: Names every wrong key and value at once.

    >>> build_serve_config({"port": "8080"}).port
    8080
    """
    try:
        return ServeConfig.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError("; ".join(map(_explained, error.errors()))) from None


def _explained(problem: ErrorDetails) -> str:
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return str(UnknownNameError("setting of serve", key, ServeConfig.model_fields))
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if key in {"", "token"} else f", got {problem['input']!r}"
    return f"{key}: {message}{given}" if key else message
