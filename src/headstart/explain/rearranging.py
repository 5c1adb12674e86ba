"""Gradients of operations that only move numbers: reshaping, slicing, gathering, joining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from headstart.engines.opened_graph import Array
from headstart.explain.rules import Call, Rule, UnsupportedError, shrunk

_Index = tuple[slice | int | None, ...]


def _reshaped(call: Call) -> Sequence[Array | None]:
    return [call.gradient.reshape(call.inputs[0].shape)]


def _transposed(call: Call) -> Sequence[Array | None]:
    order = np.ravel(call.inputs[1])
    return [call.gradient.transpose(np.argsort(order))]


def _repeated(call: Call) -> Sequence[Array | None]:
    return [shrunk(call.gradient, call.inputs[0].shape)]


def _same(call: Call) -> Sequence[Array | None]:
    return [call.gradient]


def _joined(call: Call) -> Sequence[Array | None]:
    axis = call.attributes["axis"]
    ends = np.cumsum([part.shape[axis] for part in call.inputs])[:-1]
    return list(np.split(call.gradient, ends, axis=axis))


def _split(call: Call) -> Sequence[Array | None]:
    axis = int(np.ravel(call.inputs[1])[0])
    parts = [
        np.zeros(shape, np.float32) if gradient is None else gradient
        for shape, gradient in zip(call.shapes, call.gradients, strict=True)
    ]
    return [np.concatenate(parts, axis=axis)]


def _placed(call: Call, index: _Index) -> Sequence[Array | None]:
    whole = np.zeros(call.inputs[0].shape, np.float32)
    whole[index] = call.gradient
    return [whole]


def _sliced(call: Call) -> Sequence[Array | None]:
    x, starts, stops, steps, *given = call.inputs
    axes = np.ravel(given[0]) if given else np.arange(starts.size)
    index: list[slice] = [slice(None)] * x.ndim
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        index[int(axis)] = _range(int(start), int(stop), int(step), x.shape[int(axis)])
    return _placed(call, tuple(index))


def _range(start: int, stop: int, step: int, length: int) -> slice:
    """Return a slice as NumPy means it: an end before the first number is ``None``."""
    before = step < 0 and stop < -length
    return slice(start, None if before else stop, step)


def _strided(call: Call) -> Sequence[Array | None]:
    masks = call.attributes
    if any(masks.get("ellipsis_mask", ())):
        raise UnsupportedError("no gradient is known for a slice with an ellipsis")
    starts, stops, *given = call.inputs[1:]
    steps = given[0] if given else np.ones_like(starts)
    places = range(starts.size)
    marks = {name: _mask(masks, f"{name}_mask", starts.size) for name in _MASKS}
    index = tuple(
        _strided_part(starts, stops, steps, {name: m[place] for name, m in marks.items()}, place)
        for place in places
    )
    return _placed(call, index)


_MASKS: Final = ("begin", "end", "new_axis", "shrink_axis")


def _mask(attributes: Mapping[str, Sequence[int]], name: str, length: int) -> list[bool]:
    given = [bool(bit) for bit in attributes.get(name, ())]
    return given + [False] * (length - len(given))


def _strided_part(
    starts: Array, stops: Array, steps: Array, marked: Mapping[str, bool], place: int
) -> slice | int | None:
    if marked["new_axis"]:
        return None
    if marked["shrink_axis"]:
        return int(starts[place])
    start = None if marked["begin"] else int(starts[place])
    stop = None if marked["end"] else int(stops[place])
    return slice(start, stop, int(steps[place]))


def _gathered(call: Call) -> Sequence[Array | None]:
    x, indices, axis = call.inputs
    if call.attributes.get("batch_dims", 0):
        raise UnsupportedError("no gradient is known for a gather by batch")
    whole = np.zeros(x.shape, np.float32)
    place = int(np.ravel(axis)[0]) % x.ndim
    front = np.moveaxis(whole, place, 0)
    taken = call.gradient.reshape(*x.shape[:place], indices.size, *x.shape[place + 1 :])
    np.add.at(front, np.ravel(indices).astype(int), np.moveaxis(taken, place, 0))
    return [whole]


def _largest(call: Call) -> Sequence[Array | None]:
    """Differentiate the values of ``TopK``: each goes back to where it came from."""
    x, count = call.inputs
    axis = call.attributes["axis"]
    if call.attributes["mode"].lower() != "max":
        raise UnsupportedError("no gradient is known for the smallest values")
    places = np.argsort(-x, axis=axis, kind="stable").take(range(int(count)), axis=axis)
    whole = np.zeros(x.shape, np.float32)
    np.put_along_axis(whole, places, call.gradient, axis=axis)
    return [whole]


def _padded(call: Call) -> Sequence[Array | None]:
    if call.attributes["pad_mode"].lower() != "constant":
        raise UnsupportedError("no gradient is known for padding that is not constant")
    x, before = call.inputs[0], np.ravel(call.inputs[1])
    inner = (slice(int(b), int(b) + n) for b, n in zip(before, x.shape, strict=True))
    return [call.gradient[tuple(inner)]]


RULES: Final[Mapping[str, Rule]] = {
    "Reshape": _reshaped,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
    "Transpose": _transposed,
    "Broadcast": _repeated,
    "Convert": _same,
    "Concat": _joined,
    "Split": _split,
    "VariadicSplit": _split,
    "Slice": _sliced,
    "StridedSlice": _strided,
    "Gather": _gathered,
    "TopK": _largest,
    "Pad": _padded,
}
"""Operation -> its rule."""
