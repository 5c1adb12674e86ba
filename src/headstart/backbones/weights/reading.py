"""Tensors by name out of a file, without running anything that is in it."""

from __future__ import annotations

import argparse
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from headstart.backbones.weights.digests import file_sha256
from headstart.backbones.weights.file import WeightsFile
from headstart.backbones.weights.naming import StateDict
from headstart.backbones.weights.sniffing import HEAD_BYTES, format_of, impostor

_WRAPPERS: Final = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "state_dict",
    "model_state_dict",
    "model",
)
"""Where training scripts keep the tensors; averaged ones first, as timm does."""
_PREFIXES: Final = ("module.", "_orig_mod.", "model.", "backbone.", "network.")
"""What wrappers put before every name: DDP, torch.compile, Lightning, others."""
_EXTRAS: Final = {"n_averaged"}
_BROKEN: Final = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What PyTorch's reader raises on bytes that are no checkpoint."""


def read_tensors(weights: WeightsFile) -> StateDict:
    """Return a file's tensors by name, out of whatever they are wrapped in.

    Args:
        weights: A file; safetensors, or what ``torch.save`` wrote, by content.

    Raises:
        WeightsError: It is changed, damaged, no weights file, or holds code.
    """
    path = weights.path
    assert path is not None, "random weights are in no file"
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise weights.refused(f"cannot be read ({error.strerror})") from error
    what = impostor(head)
    if what:
        raise weights.refused(what)
    check_digest(weights, path)
    stored = _read_safetensors(weights) if format_of(head) == "safetensors" else _load(weights)
    return _named_tensors(weights, stored)


def check_digest(weights: WeightsFile, path: Path) -> None:
    """Refuse a weights file whose content is not the one expected.

    Raises:
        WeightsError: The digest differs.
    """
    found = file_sha256(path)
    if found != weights.sha256:
        raise weights.refused(
            f"is damaged or of another version (its SHA-256 starts with {found[:12]}, "
            f"expected {weights.sha256[:12]})"
        )


def _read_safetensors(weights: WeightsFile) -> object:
    assert weights.path is not None
    try:
        return load_file(weights.path)
    except (SafetensorError, OSError) as error:
        raise weights.refused(f"is cut short or damaged ({error})") from error


def _load(weights: WeightsFile) -> object:
    """Read what ``torch.save`` wrote; anything but tensors and plain containers is refused."""
    assert weights.path is not None
    try:
        with warnings.catch_warnings(), _plain_containers():
            warnings.simplefilter("ignore", UserWarning)  # of a protocol it may not know: it tells
            return torch.load(weights.path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        raise weights.refused(_why_not_loaded(weights.path, error)) from error


def _plain_containers() -> AbstractContextManager[None]:
    """Let through what timm's and torchvision's scripts keep their options in: plain values."""
    allowed: AbstractContextManager[None] = torch.serialization.safe_globals([argparse.Namespace])
    return allowed


def _why_not_loaded(path: Path, error: Exception) -> str:
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code:
        return (
            f"holds code beside its tensors ({code[1]}) and was not loaded: where it comes "
            "from, save model.state_dict() alone"
        )
    if "TorchScript" in str(error):
        return (
            "is a TorchScript program and was not loaded: where it comes from, save "
            "model.state_dict() alone"
        )
    with path.open("rb") as stream:
        if format_of(stream.read(HEAD_BYTES)) is None:
            return "is no weights file: safetensors is expected, or what torch.save wrote"
    torn = "" if zipfile.is_zipfile(path) else "cut short or "
    return f"is {torn}damaged"


def _named_tensors(weights: WeightsFile, stored: object) -> StateDict:
    inner = _unwrapped(stored)
    tensors = {
        name: tensor
        for name, tensor in (inner.items() if isinstance(inner, Mapping) else ())
        if isinstance(name, str) and isinstance(tensor, torch.Tensor) and name not in _EXTRAS
    }
    if not tensors:
        raise weights.refused(f"does not hold tensors by name, but {_kind(inner)}")
    return _without_prefix(tensors)


def _unwrapped(stored: object) -> object:
    while isinstance(stored, Mapping):
        inner = next((key for key in _WRAPPERS if isinstance(stored.get(key), Mapping)), None)
        if inner is None:
            break
        stored = stored[inner]
    return stored


def _without_prefix(tensors: StateDict) -> StateDict:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            bare = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
            return _without_prefix(bare)
    return tensors


def _kind(stored: object) -> str:
    if isinstance(stored, Mapping):
        names = ", ".join(str(name) for name in list(stored)[:3])
        return f"a table of {names}" if stored else "an empty table"
    return f"a {type(stored).__name__}"
