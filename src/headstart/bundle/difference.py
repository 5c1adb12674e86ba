"""How two bundles differ: in what they say of themselves, and in their tensors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from headstart.bundle.loading import WEIGHTS_FILE, Bundle
from headstart.bundle.tensors import TensorDifference, compare_tensors, read_tensors

_TOLD_ELSEWHERE: Final = ("files", "seal")


@dataclass(frozen=True)
class BundleDifference:
    """Two bundles.

    Attributes:
        fields: Dotted key of ``bundle.json`` -> what the first and the second say; ``None``
            where one says nothing.
        tensors: Of their weights.
        same_graph: Whether ``graph.onnx`` is the same, byte for byte.
    """

    fields: dict[str, tuple[Any, Any]]
    tensors: TensorDifference
    same_graph: bool

    @property
    def none(self) -> bool:
        """Whether they are the same bundle."""
        return not self.fields and self.tensors.none and self.same_graph

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        fields = {key: list(pair) for key, pair in self.fields.items()}
        return {"fields": fields, "tensors": asdict(self.tensors), "same_graph": self.same_graph}


def compare_bundles(first: Bundle, second: Bundle) -> BundleDifference:
    """Compare two verified bundles."""
    one, other = dict(_leaves(_said(first))), dict(_leaves(_said(second)))
    keys = [*one, *(key for key in other if key not in one)]
    fields = {key: (one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)}
    tensors = compare_tensors(
        read_tensors(first.folder / WEIGHTS_FILE), read_tensors(second.folder / WEIGHTS_FILE)
    )
    graphs = {bundle.info.files[bundle.graph.name].sha256 for bundle in (first, second)}
    return BundleDifference(fields, tensors, len(graphs) == 1)


def _said(bundle: Bundle) -> dict[str, Any]:
    content = json.loads(bundle.info.model_dump_json(by_alias=True))
    return {key: value for key, value in content.items() if key not in _TOLD_ELSEWHERE}


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
