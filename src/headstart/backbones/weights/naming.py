"""Rules that map a checkpoint's tensor names onto a network's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch

StateDict = dict[str, torch.Tensor]
Naming = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], StateDict]


def naming_of(stored: Mapping[str, torch.Tensor]) -> str:
    """Return the rule that a checkpoint's names call for; empty: they are the library's own."""
    return "efficientnet-pytorch" if "_conv_stem.weight" in stored else ""


def from_efficientnet_pytorch(
    stored: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> StateDict:
    """Rename tensors of the ``efficientnet_pytorch`` family to timm's names.

    That family numbers its blocks through, timm by stage; the blocks without an
    expansion convolution call their batch norms ``_bn1, _bn2``, the others ``_bn0``
    to ``_bn2``.

    Args:
        stored: Tensors under the checkpoint's names.
        expected: timm's state dict, in forward order; its block names set the numbering.
    """
    blocks = list(
        dict.fromkeys(".".join(n.split(".")[:3]) for n in expected if n.startswith("blocks."))
    )
    expanded = {name.split(".")[1] for name in stored if "._expand_conv." in name}
    return {_timm_name(name, blocks, expanded): tensor for name, tensor in stored.items()}


_TOP: Final = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_EXPANDED: Final = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_PLAIN: Final = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def _timm_name(name: str, blocks: list[str], expanded: set[str]) -> str:
    first, *rest = name.split(".")
    if first != "_blocks":
        return ".".join([_TOP[first], *rest])
    number, layer, leaf = rest
    layers = _EXPANDED if number in expanded else _PLAIN
    return f"{blocks[int(number)]}.{layers[layer]}.{leaf}"


NAMINGS: Final[Mapping[str, Naming]] = {"efficientnet-pytorch": from_efficientnet_pytorch}
"""Rules that map a checkpoint's tensor names onto the network's."""
