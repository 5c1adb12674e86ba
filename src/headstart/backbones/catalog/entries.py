"""One call an entry: what most networks have in common, so that entries say what is theirs."""

from __future__ import annotations

from typing import Any, Final

from headstart.backbones.spec import BackboneSpec, HubWeights, UrlWeights

Triple = tuple[float, float, float]
Normalisation = tuple[Triple, Triple]

IMAGENET: Final[Normalisation] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's pixels, a channel each."""
HALF: Final[Normalisation] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Pixels from -1 to 1, as TensorFlow's networks expect."""
UNIT: Final[Normalisation] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Pixels from 0 to 1."""
CLIP: Final[Normalisation] = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
"""Mean and standard deviation of the pixels that CLIP saw."""

RESNET_STAGES: Final = ("act1", "layer1", "layer2", "layer3")
MOBILE_STAGES: Final = tuple(f"blocks.{stage}" for stage in (0, 1, 2, 4, 6))
CONVNEXT_STAGES: Final = tuple(f"stages.{stage}" for stage in range(3))
SWIN_STAGES: Final = tuple(f"layers.{stage}" for stage in range(4))
QUARTERS_OF_12: Final = tuple(f"blocks.{block}" for block in (2, 5, 8, 11))


def timm_entry(
    name: str,
    *,
    architecture: str,
    size_px: int,
    taps: tuple[str, ...],
    parameters: int,
    gmacs: float,
    top1: float | None = None,
    top1_px: int | None = None,
    normalisation: Normalisation = IMAGENET,
    licence: str = "Apache-2.0",
    weights: UrlWeights | None = None,
    aliases: tuple[str, ...] = (),
    **more: Any,
) -> BackboneSpec:
    """Describe a network that timm builds and whose weights timm's hub holds.

    Args:
        name: Canonical name.
        architecture: timm's name with the tag of the weights, which is also their
            repository's.
        size_px: As in :class:`~headstart.backbones.spec.BackboneSpec`, like all others.
        taps: See there.
        parameters: See there.
        gmacs: See there.
        top1: See there.
        top1_px: See there.
        normalisation: Mean and standard deviation of its pixels.
        licence: SPDX identifier of the weights' licence.
        weights: Where they are, if not on the hub.
        aliases: Other names; the architecture is one without being said.
        more: Further fields of the specification.
    """
    mean, std = normalisation
    fields: dict[str, Any] = {"interpolation": "bicubic", "crop_fraction": 0.875}
    return BackboneSpec(
        name=name,
        aliases=(*aliases, *((architecture,) if architecture != name else ())),
        architecture=architecture,
        size_px=size_px,
        mean=mean,
        std=std,
        taps=taps,
        parameters=parameters,
        gmacs=gmacs,
        top1=top1,
        top1_px=top1_px,
        weights=weights or HubWeights(f"timm/{architecture}", licence),
        **(fields | more),
    )
