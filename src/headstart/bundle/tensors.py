"""What is in a bundle's weights file, and how two of them differ: NumPy alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from headstart.errors import BundleError

STORED_AS: Final = {"F32": "<f4", "I8": "|i1"}
"""What a bundle may store: safetensors' names and NumPy's."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorDifference:
    """Tensors of two bundles.

    Attributes:
        same: How many are equal, bit for bit.
        changed: Name -> largest absolute difference, of those of one shape.
        reshaped: Names of those of another shape or type.
        only_first: Names that only the first has.
        only_second: Names that only the second has.
    """

    same: int
    changed: Mapping[str, float]
    reshaped: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def none(self) -> bool:
        """Whether there is no difference."""
        return not (self.changed or self.reshaped or self.only_first or self.only_second)


def read_tensors(path: Path) -> dict[str, Array]:
    """Return the tensors of a safetensors file, mapped, not read.

    Raises:
        BundleError: It is none, or has numbers of a type that no bundle has.
    """
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > path.stat().st_size:
                raise ValueError("its header is longer than the file")
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        return {name: _mapped(path, it, 8 + length) for name, it in header.items()}
    except (OSError, ValueError, KeyError, struct.error, AttributeError) as error:
        raise BundleError(
            f"{path} is no safetensors file of a bundle ({error}): copy the whole folder again"
        ) from error


def _mapped(path: Path, entry: Mapping[str, Any], base: int) -> Array:
    shape, start = tuple(entry["shape"]), base + entry["data_offsets"][0]
    dtype = np.dtype(STORED_AS[entry["dtype"]])
    return np.memmap(path, dtype, mode="r", offset=start, shape=shape)


def compare_tensors(first: Mapping[str, Array], second: Mapping[str, Array]) -> TensorDifference:
    """Compare tensors by name.

    >>> one, other = {"a": np.zeros(2)}, {"a": np.ones(2), "b": np.zeros(1)}
    >>> compare_tensors(one, other).changed, compare_tensors(one, other).only_second
    ({'a': 1.0}, ('b',))
    """
    changed, reshaped, same = {}, [], 0
    for name in sorted(first.keys() & second.keys()):
        one, other = first[name], second[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            reshaped.append(name)
        elif np.array_equal(one, other):
            same += 1
        else:
            apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
            changed[name] = float(apart.max())
    return TensorDifference(
        same=same,
        changed=changed,
        reshaped=tuple(reshaped),
        only_first=tuple(sorted(first.keys() - second.keys())),
        only_second=tuple(sorted(second.keys() - first.keys())),
    )
