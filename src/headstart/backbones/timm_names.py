"""``timm/NAME``: any network that timm knows, described as the catalog's entries are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import Any, Final, get_args

import torch

from headstart.backbones.cost import count_gmacs, count_parameters
from headstart.backbones.spec import BackboneSpec, HubWeights, UrlWeights
from headstart.backbones.timm_adapter import create_timm, timm_card, timm_names
from headstart.config.schema import Interpolation
from headstart.errors import ConfigError, UnknownNameError

PREFIX: Final = "timm/"
IMAGENET_CLASSES: Final = 1000
_SPDX: Final = {
    name.lower(): name for name in ("Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-NC-4.0")
}
_MOST_TAPS = 6
_QUARTERS = 4


@lru_cache(maxsize=32)
def resolve_timm(name: str) -> BackboneSpec:
    """Describe a timm network: preprocessing and licence from timm, the rest from the network.

    Args:
        name: Such as ``"timm/resnet26.bt_in1k"``, in any case, with or without the tag.

    Raises:
        ConfigError: The network is of a kind that gives no activations by place.
        UnknownNameError: timm has no such network; the message says what is close.
    """
    bare = _known(name.removeprefix(PREFIX))
    card = timm_card(bare)
    with torch.device("meta"):
        network = create_timm(bare).eval()
    return describe(network, card, bare)


def is_timm_name(name: str) -> bool:
    """Tell whether timm knows a name, in any case."""
    return name.lower() in _index()


def describe(network: torch.nn.Module, card: Any, name: str) -> BackboneSpec:
    """Describe a network that was built on the ``meta`` device. See :func:`resolve_timm`."""
    size_px = card.input_size[-1]
    taps, final = survey(network, size_px)
    labels = "imagenet-1k" if _classes(network) == IMAGENET_CLASSES else None
    return BackboneSpec(
        name=f"{PREFIX}{name}",
        aliases=(),
        architecture=name,
        size_px=size_px,
        interpolation=_interpolation(card.interpolation),
        crop_fraction=min(card.crop_pct, 1.0),
        mean=tuple(card.mean),
        std=tuple(card.std),
        taps=taps,
        parameters=count_parameters(network),
        gmacs=round(count_gmacs(network, size_px), 3),
        top1=None,
        top1_px=None,
        weights=_weights(card),
        labels=labels,
        pooled=True,
        channels_last=final.ndim == 4 and getattr(network, "output_fmt", "NCHW") == "NHWC",
        prefix_tokens=getattr(network, "num_prefix_tokens", 0) if final.ndim == 3 else 0,
        multiple_px=_multiple(network, final),
        fixed_size=bool(card.fixed_input_size) and not hasattr(network, "set_input_size"),
    )


def survey(network: torch.nn.Module, size_px: int) -> tuple[tuple[str, ...], torch.Tensor]:
    """Return the modules worth tapping, and the final activation.

    They are the ends of timm's stages; of networks that are one long row of blocks, the
    ends of its quarters. A stage whose end is the final activation is not tapped twice.

    Raises:
        ConfigError: The final activation has no places to pool over.
    """
    stages = [stage["module"] for stage in getattr(network, "feature_info", [])]
    if len(stages) > _MOST_TAPS:
        stages = [stages[len(stages) * k // _QUARTERS - 1] for k in range(1, _QUARTERS + 1)]
    with _outputs(network, stages) as seen, torch.no_grad():
        final = network.forward_features(torch.zeros(1, 3, size_px, size_px, device="meta"))  # type: ignore[operator]
    if not _has_places(final):
        raise ConfigError(
            f"{type(network).__name__} gives no activations by place, so its features cannot "
            "be pooled: choose another network"
        )
    return tuple(tap for tap in stages if _has_places(seen[tap]) and seen[tap] is not final), final


@contextmanager
def _outputs(network: torch.nn.Module, names: list[str]) -> Iterator[dict[str, object]]:
    seen: dict[str, object] = {}

    def keep(name: str, module: object, inputs: object, output: object) -> None:
        del module, inputs
        seen[name] = output

    modules = dict(network.named_modules())
    hooks = [
        modules[name].register_forward_hook(partial(keep, name))
        for name in names
        if name in modules
    ]
    try:
        yield seen
    finally:
        seen.update({name: None for name in names if name not in seen})
        for hook in hooks:
            hook.remove()


def _has_places(activation: object) -> bool:
    return isinstance(activation, torch.Tensor) and activation.ndim in (3, 4)


def _multiple(network: Any, final: torch.Tensor) -> int:
    if not hasattr(network, "set_input_size"):
        return 1
    if final.ndim == 3:
        return int(network.patch_embed.patch_size[0])
    return max(int(stage["reduction"]) for stage in network.feature_info)


def _classes(network: Any) -> int:
    return int(network.num_classes)


def _interpolation(name: str) -> Interpolation:
    return name if name in get_args(Interpolation) else "bicubic"  # type: ignore[return-value]


def _weights(card: Any) -> HubWeights | UrlWeights | None:
    licence = _SPDX.get(card.license, card.license) or "unknown"
    if card.hf_hub_id:
        return HubWeights(card.hf_hub_id, licence)
    if card.url:
        return UrlWeights(card.url, licence, file=PurePosixPath(card.url).name, digest="")
    return None


def _known(name: str) -> str:
    index = _index()
    if name.lower() not in index:
        raise UnknownNameError("timm network", name, index.values())
    return index[name.lower()]


@lru_cache(maxsize=1)
def _index() -> dict[str, str]:
    return {name.lower(): name for name in timm_names()}
