"""Bundles in lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from headstart.bundle import Bundle, BundleInfo
from headstart.bundle.difference import BundleDifference
from headstart.bundle.tensors import TensorDifference
from headstart.errors import listed

_FIGURES: Final = ("accuracy", "f1_macro", "nll", "ece")
_MOST: Final = 60
_NAMED: Final = 6


def shown_lines(bundle: Bundle) -> Iterator[str]:
    """Yield what a bundle is, a fact a line."""
    info = bundle.info
    made, shape = info.provenance, info.geometry
    size = sum(digest.bytes for digest in info.files.values())
    yield f"bundle     {bundle.folder} ({size / 1e6:.1f} MB), seal {info.seal[:16]}"
    yield f"classes    {len(info.classes)}: {listed(info.classes)}"
    yield f"network    {made.backbone}, head {made.head}, taps {made.taps}"
    yield f"arithmetic {_arithmetic(info)}"
    yield f"geometry   {shape.mode} to {shape.size_px} x {shape.size_px} px"
    for name in _FIGURES:
        if name in info.test:
            yield f"test       {name} {_triple(info.test[name])}, n = {info.test['n']}"
    yield f"decision   {_decision(info)}"
    yield f"trained    on {made.trained_images:,} images, {made.created}"
    yield f"written by headstart {made.headstart}"
    yield f"licence    {made.weights_licence} (the weights it started from)"
    for parity in info.parity:
        yield (
            f"parity     {parity.precision}: {parity.top1_disagreements} of {parity.images} top "
            f"answers differ, largest probability difference {parity.largest_difference:.2g}"
        )


def _arithmetic(info: BundleInfo) -> str:
    record = info.quantised
    if record is None:
        return "floating point"
    return (
        f"int8, calibrated on {record.calibration_images} images; accuracy less the source's "
        f"{_triple(record.accuracy)}, p = {record.p_value:.3g}"
    )


def _triple(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _decision(info: BundleInfo) -> str:
    made = info.decision
    if made is None:
        return "the most probable class, always"
    parts = []
    if made.reject is not None:
        reject = made.reject
        parts.append(f"unknown below {reject.threshold:.3f} ({reject.target} {reject.share:g})")
    if made.priors is not None:
        parts.append("other shares of classes")
    if made.costs is not None:
        parts.append("costs of mistakes")
    return ", ".join(parts) or "the most probable class, always"


def difference_lines(found: BundleDifference) -> Iterator[str]:
    """Yield how two bundles differ, a difference a line."""
    if found.none:
        yield "the same, to the bit"
        return
    for key, (one, other) in found.fields.items():
        yield f"{key}: {_short(one)} -> {_short(other)}"
    yield f"graph: {'the same' if found.same_graph else 'another'}"
    yield from _tensor_lines(found.tensors)


def _tensor_lines(tensors: TensorDifference) -> Iterator[str]:
    yield f"tensors: {tensors.same} equal, {len(tensors.changed)} changed"
    furthest = sorted(tensors.changed.items(), key=lambda it: -it[1])
    for name, apart in furthest[:_NAMED]:
        yield f"  {name}: by up to {apart:.3g}"
    told = {
        "another shape or type": tensors.reshaped,
        "only in the first": tensors.only_first,
        "only in the second": tensors.only_second,
    }
    for what, names in told.items():
        if names:
            yield f"  {what}: {len(names)} ({listed(names, limit=_NAMED)})"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
