"""Checkpoints: one safetensors file each, written whole.

The last two are kept, and the best where a phase may stop early.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from headstart.files import write_bytes

_KEPT: Final = 2
_NAME: Final = re.compile(r"step-(\d+)\.safetensors")
_BEST: Final = "best.safetensors"
_STATE: Final = "state"

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """What was saved.

    Attributes:
        tensors: By name.
        state: Everything else, as JSON holds it.
    """

    tensors: Tensors
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Where they are; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, number: int, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, then drop all but the last two.

        Args:
            number: Steps taken in the whole run: a higher one is later.
            checkpoint: What to keep.

        Raises:
            StorageError: The disk is full, or cannot be written.
        """
        path = self.folder / f"step-{number:09d}.safetensors"
        _write(path, checkpoint)
        for old in self._saved()[:-_KEPT]:
            old.unlink(missing_ok=True)
        return path

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Replace the best checkpoint."""
        _write(self.folder / _BEST, checkpoint)

    def best(self) -> Checkpoint | None:
        """Return the best checkpoint, if one can be read."""
        return _read(self.folder / _BEST)

    def latest(self) -> Checkpoint | None:
        """Return the last checkpoint that can be read."""
        found = (_read(path) for path in reversed(self._saved()))
        return next((checkpoint for checkpoint in found if checkpoint), None)

    def latest_path(self) -> Path | None:
        """Return where the last checkpoint is that can be read."""
        return next((path for path in reversed(self._saved()) if _read(path)), None)

    def _saved(self) -> list[Path]:
        paths = self.folder.glob("step-*.safetensors") if self.folder.is_dir() else ()
        return sorted(path for path in paths if _NAME.fullmatch(path.name))


def _write(path: Path, checkpoint: Checkpoint) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}
    write_bytes(path, save(tensors, {_STATE: json.dumps(checkpoint.state)}))


def _read(path: Path) -> Checkpoint | None:
    try:
        with safe_open(path, framework="pt") as stored:
            state = json.loads(stored.metadata()[_STATE])
            return Checkpoint(
                {name: stored.get_tensor(name) for name in list(stored.keys())}, state
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def pack_optimiser(optimiser: torch.optim.Optimizer) -> tuple[Tensors, dict[str, Any]]:
    """Return an optimiser's state as named tensors and plain values."""
    tensors: Tensors = {}
    values: dict[str, Any] = {}
    for index, entries in optimiser.state_dict()["state"].items():
        for name, value in entries.items():
            place = tensors if isinstance(value, torch.Tensor) else values
            place[f"{index}.{name}"] = value
    return tensors, values


def unpack_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any]
) -> None:
    """Give a freshly built optimiser the state that :func:`pack_optimiser` took."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*tensors.items(), *values.items()):
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
