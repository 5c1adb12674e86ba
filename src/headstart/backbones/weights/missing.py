"""What to tell someone whose weights are not on this machine."""

from __future__ import annotations

import os
from typing import Final

from headstart.backbones.spec import BackboneSpec, HubWeights, UrlWeights
from headstart.backbones.weights.folder import own_place, published_place
from headstart.backbones.weights.hub_cache import published_url
from headstart.errors import WeightsError

_VARIABLES: Final = ("HEADSTART_OFFLINE", "HF_HUB_OFFLINE")
_OFF: Final = {"", "0", "false", "no", "off"}


def forbidden_by(*, offline: bool) -> str:
    """Return what forbids a download: ``--offline`` or a variable; empty if nothing does."""
    if offline:
        return "--offline"
    named = (name for name in _VARIABLES if os.environ.get(name, "").lower() not in _OFF)
    name = next(named, "")
    return f"{name}={os.environ[name]}" if name else ""


def missing_weights(spec: BackboneSpec, why: str) -> WeightsError:
    """Return the error that names the file to bring and the place to put it.

    Args:
        spec: Catalog entry.
        why: What keeps headstart from fetching it.
    """
    return WeightsError(
        f"the weights of {spec.name} are not on this machine, and {why}. {_mend(spec)}"
    )


def _mend(spec: BackboneSpec) -> str:
    weights, place = spec.weights, published_place(spec)
    if not isinstance(weights, (HubWeights, UrlWeights)):
        return (
            f"Put a checkpoint of {spec.architecture} at {own_place(spec)}, or run "
            f"'headstart weights import FILE --as {spec.name}'"
        )
    origin = f" of {weights.repository}" if isinstance(weights, HubWeights) else ""
    return (
        f"Bring the file {weights.file}{origin} ({published_url(weights)}) and put it "
        f"at {place}, or run 'headstart weights import {weights.file} --as {spec.name}'"
    )
