"""What each ONNX operator of our graphs is in PyTorch.

A function takes the node's inputs (``None`` where one is left out) and its attributes by
name, and returns one tensor, or several. Anything about shapes is a plain tensor of integers,
or a NumPy array where it is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Inputs: TypeAlias = Sequence[Any]
Attributes: TypeAlias = Mapping[str, Any]
Operator: TypeAlias = Callable[[Inputs, Attributes], Any]

_DTYPES: Final = {1: torch.float32, 2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64}
_DTYPES_MORE: Final = {9: torch.bool, 10: torch.float16, 11: torch.float64, 16: torch.bfloat16}
_END: Final = 2**31 - 1


def _numbers(values: Tensor | npt.NDArray[Any]) -> list[int]:
    return [int(value) for value in values.reshape(-1).tolist()]


def _number(value: Any) -> float:
    """Return the one number of a constant: of shape (), (1,) or plain."""
    return float(np.asarray(value).reshape(-1)[0])


def _axes(inputs: Inputs, attributes: Attributes) -> list[int] | None:
    """Return the axes a node works along: an input since opset 13, an attribute before."""
    if len(inputs) > 1 and inputs[1] is not None:
        return _numbers(inputs[1])
    return list(attributes["axes"]) if "axes" in attributes else None


def _fold(function: Callable[[Any, Any], Any]) -> Operator:
    def joined(inputs: Inputs, _: Attributes) -> Any:
        total = inputs[0]
        for value in inputs[1:]:
            total = function(total, value)
        return total

    return joined


def _plain(function: Callable[..., Any]) -> Operator:
    return lambda inputs, _: function(*inputs)


def _divide(inputs: Inputs, _: Attributes) -> Tensor:
    one, other = inputs
    whole = not one.is_floating_point()
    return torch.div(one, other, rounding_mode="trunc" if whole else None)


def _clip(inputs: Inputs, attributes: Attributes) -> Tensor:
    low = inputs[1] if len(inputs) > 1 else attributes.get("min")
    high = inputs[2] if len(inputs) > 2 else attributes.get("max")
    return torch.clamp(inputs[0], *(None if it is None else _number(it) for it in (low, high)))


def _cast(inputs: Inputs, attributes: Attributes) -> Tensor:
    target: Tensor = inputs[0].to({**_DTYPES, **_DTYPES_MORE}[attributes["to"]])
    return target


def _softmax(function: Callable[..., Tensor]) -> Operator:
    return lambda inputs, attributes: function(inputs[0], dim=attributes.get("axis", -1))


def _padded(value: Tensor, pads: Sequence[int], *, fill: float = 0.0) -> tuple[Tensor, list[int]]:
    """Return an image padded where its two sides differ, and the even padding that is left."""
    half = len(pads) // 2
    before, after = pads[:half], pads[half:]
    if list(before) == list(after):
        return value, list(before)
    pairs = [side for axis in reversed(range(half)) for side in (before[axis], after[axis])]
    return functional.pad(value, pairs, value=fill), [0] * half


def _window(attributes: Attributes, rank: int) -> tuple[list[int], list[int], list[int]]:
    pads = list(attributes.get("pads", [0] * 2 * rank))
    strides = list(attributes.get("strides", [1] * rank))
    return pads, strides, list(attributes.get("dilations", [1] * rank))


def _conv(inputs: Inputs, attributes: Attributes) -> Tensor:
    rank = inputs[1].ndim - 2
    pads, strides, dilations = _window(attributes, rank)
    value, even = _padded(inputs[0], pads)
    bias = inputs[2] if len(inputs) > 2 else None
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    groups = attributes.get("group", 1)
    return convolve(value, inputs[1], bias, strides, even, dilations, groups)


def _max_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    shape = list(attributes["kernel_shape"])
    pads, strides, dilations = _window(attributes, len(shape))
    value, even = _padded(inputs[0], pads, fill=float("-inf"))
    ceil = bool(attributes.get("ceil_mode", 0))
    return functional.max_pool2d(value, shape, strides, even, dilations, ceil)


def _average_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    shape = list(attributes["kernel_shape"])
    pads, strides, _ = _window(attributes, len(shape))
    counts = bool(attributes.get("count_include_pad", 0))
    value, even = _padded(inputs[0], pads)
    if value is not inputs[0] and not counts:
        total = functional.avg_pool2d(value, shape, strides)
        there, _ = _padded(torch.ones_like(inputs[0]), pads)
        return total / functional.avg_pool2d(there, shape, strides)
    ceil = bool(attributes.get("ceil_mode", 0))
    return functional.avg_pool2d(value, shape, strides, even, ceil, counts)


def _gemm(inputs: Inputs, attributes: Attributes) -> Tensor:
    left = inputs[0].T if attributes.get("transA") else inputs[0]
    right = inputs[1].T if attributes.get("transB") else inputs[1]
    product: Tensor = (left @ right) * attributes.get("alpha", 1.0)
    return product + inputs[2] * attributes.get("beta", 1.0) if len(inputs) > 2 else product


def _batch_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    value, scale, bias, mean, variance = inputs
    return functional.batch_norm(
        value, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5)
    )


def _layer_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    axis = attributes.get("axis", -1)
    bias = inputs[2] if len(inputs) > 2 else None
    shape = inputs[0].shape[axis:]
    return functional.layer_norm(inputs[0], shape, inputs[1], bias, attributes.get("epsilon", 1e-5))


def _reduce(function: Callable[..., Tensor]) -> Operator:
    def reduced(inputs: Inputs, attributes: Attributes) -> Tensor:
        axes = _axes(inputs, attributes) or list(range(inputs[0].ndim))
        return function(inputs[0], dim=axes, keepdim=bool(attributes.get("keepdims", 1)))

    return reduced


def _length(value: Tensor, dim: list[int], keepdim: bool) -> Tensor:
    return (value * value).sum(dim=dim, keepdim=keepdim).sqrt()


def _squeeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    axes = _axes(inputs, attributes)
    squeezed: Tensor = inputs[0].squeeze() if axes is None else inputs[0].squeeze(tuple(axes))
    return squeezed


def _unsqueeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    value: Tensor = inputs[0]
    for axis in sorted(_axes(inputs, attributes) or []):
        value = value.unsqueeze(axis)
    return value


def _flatten(inputs: Inputs, attributes: Attributes) -> Tensor:
    axis = attributes.get("axis", 1)
    return torch.flatten(inputs[0], axis) if axis == 1 else inputs[0].flatten(axis).flatten(0, -2)


def _transpose(inputs: Inputs, attributes: Attributes) -> Tensor:
    order = attributes.get("perm") or list(reversed(range(inputs[0].ndim)))
    return inputs[0].permute(*order)  # type: ignore[no-any-return]


def _slice(inputs: Inputs, _: Attributes) -> Tensor:
    value, starts, ends = inputs[0], _numbers(inputs[1]), _numbers(inputs[2])
    axes = _numbers(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else range(len(starts))
    steps = _numbers(inputs[4]) if len(inputs) > 4 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        value = _cut(value, start, end, axis, step)
    return value  # type: ignore[no-any-return]


def _cut(value: Tensor, start: int, end: int, axis: int, step: int) -> Tensor:
    if step < 0:  # PyTorch has no such steps: pick what they pick, one by one
        picked = list(range(value.shape[axis]))[slice(start, end if end > -_END else None, step)]
        return value.index_select(axis, torch.tensor(picked, device=value.device))
    index = [slice(None)] * value.ndim
    index[axis] = slice(start, min(end, _END), step)
    return value[tuple(index)]


def _gather(inputs: Inputs, attributes: Attributes) -> Tensor:
    value, index, axis = inputs[0], inputs[1], attributes.get("axis", 0)
    if not index.is_floating_point() and index.ndim == 0:
        return value.select(axis, int(index))  # type: ignore[no-any-return]
    picked: Tensor = value.index_select(axis, (index.reshape(-1) % value.shape[axis]).long())
    axis %= value.ndim
    shape = (*picked.shape[:axis], *index.shape, *picked.shape[axis + 1 :])
    return picked.reshape(shape) if index.ndim > 1 else picked


def _split(inputs: Inputs, attributes: Attributes) -> tuple[Tensor, ...]:
    axis = attributes.get("axis", 0)
    if len(inputs) > 1 and inputs[1] is not None:
        return torch.split(inputs[0], _numbers(inputs[1]), axis)
    return torch.chunk(inputs[0], attributes["num_outputs"], axis)


def _pad(inputs: Inputs, attributes: Attributes) -> Tensor:
    pads, rank = _numbers(inputs[1]), inputs[0].ndim
    pairs = [side for axis in reversed(range(rank)) for side in (pads[axis], pads[rank + axis])]
    while len(pairs) > 2 and pairs[-2:] == [0, 0]:
        pairs = pairs[:-2]
    fill = _number(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else 0.0
    mode = attributes.get("mode", "constant")
    if mode == "constant":
        return functional.pad(inputs[0], pairs, value=fill)
    return functional.pad(inputs[0], pairs, mode="replicate" if mode == "edge" else mode)


def _constant_of_shape(inputs: Inputs, attributes: Attributes) -> Tensor:
    value = attributes.get("value")
    fill = value.reshape(-1)[0] if value is not None else torch.tensor(0.0)
    return torch.full(list(inputs[0]), fill.item(), dtype=fill.dtype)


def _top_k(inputs: Inputs, attributes: Attributes) -> tuple[Tensor, Tensor]:
    axis, largest = attributes.get("axis", -1), bool(attributes.get("largest", 1))
    found = torch.topk(inputs[0], _numbers(inputs[1])[0], dim=axis, largest=largest)
    return found.values, found.indices


def _running_sum(inputs: Inputs, attributes: Attributes) -> Tensor:
    value, axis = inputs[0], _numbers(inputs[1])[0]
    turned: Tensor = value.flip(axis) if attributes.get("reverse") else value
    total = turned.cumsum(axis)
    total = total - turned if attributes.get("exclusive") else total
    return total.flip(axis) if attributes.get("reverse") else total


def _tile(inputs: Inputs, attributes: Attributes) -> Tensor:
    return torch.tile(inputs[0], tuple(_numbers(inputs[1])))


def _concatenate(inputs: Inputs, attributes: Attributes) -> Tensor:
    return torch.cat(list(inputs), dim=attributes["axis"])


def _norm_lp(inputs: Inputs, attributes: Attributes) -> Tensor:
    power = float(attributes.get("p", 2))
    return functional.normalize(inputs[0], p=power, dim=attributes.get("axis", -1), eps=0.0)


OPERATORS: Final[Mapping[str, Operator]] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "And": _plain(torch.logical_and),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Ceil": _plain(torch.ceil),
    "Clip": _clip,
    "Concat": _concatenate,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "Cos": _plain(torch.cos),
    "CumSum": _running_sum,
    "Div": _divide,
    "Elu": lambda inputs, it: functional.elu(inputs[0], it.get("alpha", 1.0)),
    "Equal": _plain(torch.eq),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Flatten": _flatten,
    "Floor": _plain(torch.floor),
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda inputs, _: inputs[0].mean(dim=(2, 3), keepdim=True),
    "GlobalMaxPool": lambda inputs, _: inputs[0].amax(dim=(2, 3), keepdim=True),
    "Greater": _plain(torch.gt),
    "HardSigmoid": lambda inputs, it: torch.clamp(
        inputs[0] * it.get("alpha", 0.2) + it.get("beta", 0.5), 0.0, 1.0
    ),
    "HardSwish": lambda inputs, _: functional.hardswish(inputs[0]),
    "Identity": lambda inputs, _: inputs[0],
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda inputs, it: functional.leaky_relu(inputs[0], it.get("alpha", 0.01)),
    "Less": _plain(torch.lt),
    "Log": _plain(torch.log),
    "LogSoftmax": _softmax(functional.log_softmax),
    "LpNormalization": _norm_lp,
    "MatMul": _plain(torch.matmul),
    "Max": _fold(torch.maximum),
    "MaxPool": _max_pool,
    "Min": _fold(torch.minimum),
    "Mod": _plain(torch.remainder),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "Not": _plain(torch.logical_not),
    "Or": _plain(torch.logical_or),
    "PRelu": _plain(lambda value, slope: torch.where(value < 0, value * slope, value)),
    "Pad": _pad,
    "Pow": _plain(torch.pow),
    "Range": _plain(lambda start, end, step: torch.arange(int(start), int(end), int(step))),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceL2": _reduce(_length),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _plain(torch.relu),
    "Round": _plain(torch.round),
    "Sigmoid": _plain(torch.sigmoid),
    "Sin": _plain(torch.sin),
    "Slice": _slice,
    "Softmax": _softmax(functional.softmax),
    "Softplus": _plain(functional.softplus),
    "Split": _split,
    "Sqrt": _plain(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _plain(torch.sub),
    "Sum": _fold(torch.add),
    "Tanh": _plain(torch.tanh),
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _plain(torch.where),
}
"""Those that need no size of the batch; ``Shape``, ``Reshape`` and ``Expand`` are the module's."""
