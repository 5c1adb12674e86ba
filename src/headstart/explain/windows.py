"""Gradients of operations on sliding windows: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np

from headstart.engines.opened_graph import Array
from headstart.explain.rules import Call, Rule, UnsupportedError

_Offsets = Iterator[tuple[tuple[int, int], tuple[slice, slice]]]


def _padding(call: Call) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return rows before and after, and columns before and after."""
    if call.attributes.get("auto_pad", "explicit") not in {"explicit", "valid"}:
        return _same_padding(call)
    (top, left), (bottom, right) = call.attributes["pads_begin"], call.attributes["pads_end"]
    return (top, bottom), (left, right)


def _same_padding(call: Call) -> tuple[tuple[int, int], tuple[int, int]]:
    raise UnsupportedError(f"no gradient is known for padding {call.attributes['auto_pad']!r}")


def _offsets(call: Call, kernel: Sequence[int]) -> _Offsets:
    """Yield each place of the window and which padded pixels it meets."""
    rows, columns = call.shapes[0][2:]
    (down, across), (apart, aside) = call.attributes["strides"], _dilations(call)
    for u, v in product(range(kernel[0]), range(kernel[1])):
        top, left = u * apart, v * aside
        yield (
            (u, v),
            (
                slice(top, top + down * (rows - 1) + 1, down),
                slice(left, left + across * (columns - 1) + 1, across),
            ),
        )


def _dilations(call: Call) -> Sequence[int]:
    found: Sequence[int] = call.attributes.get("dilations", (1, 1))
    return found


def _empty(call: Call, kernel: Sequence[int]) -> Array:
    """Return zeros of the padded input's shape, and more where a window reaches further."""
    x, ((top, bottom), (left, right)) = call.inputs[0], _padding(call)
    spans = [
        (count - 1) * stride + (side - 1) * apart + 1
        for count, stride, side, apart in zip(
            call.shapes[0][2:], call.attributes["strides"], kernel, _dilations(call), strict=True
        )
    ]
    rows = max(x.shape[2] + top + bottom, spans[0])
    columns = max(x.shape[3] + left + right, spans[1])
    return np.zeros((*x.shape[:2], rows, columns), np.float32)


def _inside(call: Call, padded: Array) -> Array:
    (top, _), (left, _) = _padding(call)
    rows, columns = call.inputs[0].shape[2:]
    return padded[:, :, top : top + rows, left : left + columns]


def _convolution(call: Call) -> Sequence[Array | None]:
    _, weight = call.inputs
    return [_through_weights(call, weight[None])]


def _grouped(call: Call) -> Sequence[Array | None]:
    _, weight = call.inputs
    return [_through_weights(call, weight)]


def _through_weights(call: Call, weight: Array) -> Array:
    """Return the gradient at a convolution's input.

    Args:
        call: The convolution.
        weight: Shape (groups, outputs, inputs, rows, columns), both counts a group's.
    """
    if weight.ndim != 5 or not call.attributes.get("auto_pad", "explicit"):
        raise UnsupportedError("no gradient is known for convolutions but those of images")
    groups, outputs, inputs = weight.shape[:3]
    padded = _empty(call, weight.shape[3:])
    count, _, rows, columns = call.gradient.shape
    flowing = call.gradient.reshape(count, groups, outputs, rows * columns)
    for (u, v), (down, across) in _offsets(call, weight.shape[3:]):
        spread = np.swapaxes(weight[:, :, :, u, v], 1, 2) @ flowing
        padded[:, :, down, across] += spread.reshape(count, groups * inputs, rows, columns)
    return _inside(call, padded)


def _average(call: Call) -> Sequence[Array | None]:
    kernel = call.attributes["kernel"]
    counts = np.zeros((1, 1, *call.shapes[0][2:]), np.float32)
    met = _empty(call, kernel)[:1, :1]
    if call.attributes["exclude-pad"]:
        _inside(call, met)[...] = 1.0
    else:
        met[...] = 1.0
    for _, (down, across) in _offsets(call, kernel):
        counts += met[:, :, down, across]
    padded, share = _empty(call, kernel), call.gradient / counts
    for _, (down, across) in _offsets(call, kernel):
        padded[:, :, down, across] += share
    return [_inside(call, padded)]


def _largest(call: Call) -> Sequence[Array | None]:
    kernel, x = call.attributes["kernel"], call.inputs[0]
    filled = np.full_like(_empty(call, kernel), -np.inf)
    _inside(call, filled)[...] = x
    offsets = list(_offsets(call, kernel))
    best = np.max([filled[:, :, down, across] for _, (down, across) in offsets], axis=0)
    padded, open_ = np.zeros_like(filled), np.ones(best.shape, bool)
    for _, (down, across) in offsets:
        wins = open_ & (filled[:, :, down, across] == best)
        padded[:, :, down, across] += call.gradient * wins
        open_ &= ~wins
    return [_inside(call, padded)]


RULES: Final[Mapping[str, Rule]] = {
    "Convolution": _convolution,
    "GroupConvolution": _grouped,
    "AvgPool": _average,
    "MaxPool": _largest,
}
"""Operation -> its rule."""
