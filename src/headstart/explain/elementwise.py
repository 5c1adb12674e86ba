"""Gradients of operations that work number by number, along an axis, or as products."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from headstart.engines.opened_graph import Array
from headstart.explain.rules import Call, Rule, UnsupportedError, shrunk

_HALF_GAUSSIAN: Final = 2 / math.sqrt(math.pi)


def _pair(slopes: Callable[[Array, Array], tuple[Array | float, Array | float]]) -> Rule:
    """Return the rule of a broadcasting operation on two arrays from its two slopes."""

    def rule(call: Call) -> Sequence[Array | None]:
        first, second = call.inputs[:2]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = slopes(first, second)
            return [
                shrunk(call.gradient * slope, value.shape) if active else None
                for value, slope, active in zip((first, second), found, call.active, strict=False)
            ]

    return rule


def _single(slope: Callable[[Array], Array]) -> Rule:
    """Return the rule of a function of one array from its slope."""
    return lambda call: [call.gradient * slope(call.inputs[0])]


def _logistic(x: Array) -> Array:
    result: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return result


def _normal(x: Array) -> tuple[Array, Array]:
    """Return the normal distribution's function, in tanh's approximation, and its density."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * (1 + np.tanh(inner)), np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _gelu(x: Array) -> Array:
    share, density = _normal(x)
    slope: Array = share + x * density
    return slope


def _hard_swish(x: Array) -> Array:
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2 * x + 3) / 6))


def _swish(call: Call) -> Sequence[Array | None]:
    x = call.inputs[0]
    beta = float(call.inputs[1]) if len(call.inputs) > 1 else 1.0
    share = _logistic(beta * x)
    return [call.gradient * (share + beta * x * share * (1 - share))]


def _clamp(call: Call) -> Sequence[Array | None]:
    low, high = call.attributes["min"], call.attributes["max"]
    x = call.inputs[0]
    return [call.gradient * ((x >= low) & (x <= high))]


def _hard_sigmoid(call: Call) -> Sequence[Array | None]:
    x, alpha, beta = call.inputs
    value = alpha * x + beta
    return [call.gradient * alpha * ((value > 0) & (value < 1))]


def _prelu(call: Call) -> Sequence[Array | None]:
    x, slope = call.inputs
    shaped = slope.reshape(-1, *([1] * (x.ndim - 2))) if slope.ndim == 1 and x.ndim > 1 else slope
    return [call.gradient * np.where(x > 0, 1.0, shaped)]


def _power(base: Array, exponent: Array) -> tuple[Array, float]:
    return exponent * np.power(base, exponent - 1), 0.0


def _spread(call: Call) -> Array:
    """Return the gradient of a reduction with its axes back in place."""
    if call.attributes["keep_dims"]:
        return call.gradient
    return np.expand_dims(call.gradient, call.axes())


def _sum(call: Call) -> Sequence[Array | None]:
    return [np.broadcast_to(_spread(call), call.inputs[0].shape)]


def _mean(call: Call) -> Sequence[Array | None]:
    x = call.inputs[0]
    places = math.prod(x.shape[axis] for axis in call.axes())
    return [np.broadcast_to(_spread(call) / places, x.shape)]


def _max(call: Call) -> Sequence[Array | None]:
    x = call.inputs[0]
    winners = x == x.max(axis=call.axes(), keepdims=True)
    return [_spread(call) * winners / winners.sum(axis=call.axes(), keepdims=True)]


def _length(call: Call) -> Sequence[Array | None]:
    x = call.inputs[0]
    length = np.sqrt((x * x).sum(axis=call.axes(), keepdims=True))
    return [_spread(call) * x / np.maximum(length, 1e-12)]


def _softmax(call: Call) -> Sequence[Array | None]:
    x, axis = call.inputs[0], call.attributes["axis"]
    shares = np.exp(x - x.max(axis=axis, keepdims=True))
    shares /= shares.sum(axis=axis, keepdims=True)
    pull = (call.gradient * shares).sum(axis=axis, keepdims=True)
    return [shares * (call.gradient - pull)]


def _standardise(call: Call) -> Sequence[Array | None]:
    """Differentiate a layer norm, ``MVN`` with OpenVINO."""
    x, axes, gradient = call.inputs[0], call.axes(), call.gradient
    centred_gradient = gradient - gradient.mean(axis=axes, keepdims=True)
    if not call.attributes["normalize_variance"]:
        return [centred_gradient]
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    eps = call.attributes["eps"]
    inside = call.attributes["eps_mode"].lower() == "inside_sqrt"
    scale = np.sqrt(variance + eps) if inside else np.sqrt(variance) + eps
    normal = centred / scale
    pull = (gradient * normal).mean(axis=axes, keepdims=True)
    return [(centred_gradient - normal * pull) / scale]


def _batch_norm(call: Call) -> Sequence[Array | None]:
    x, weight, _, _, variance = call.inputs
    scale = weight / np.sqrt(variance + call.attributes["epsilon"])
    return [call.gradient * scale.reshape(-1, *([1] * (x.ndim - 2)))]


def _product(call: Call) -> Sequence[Array | None]:
    a, b = call.inputs
    if min(a.ndim, b.ndim) < 2:
        raise UnsupportedError("no gradient is known for a product with a vector")
    gradient = call.gradient
    flip_a, flip_b = call.attributes["transpose_a"], call.attributes["transpose_b"]
    left, right = _flipped(a, flip_a), _flipped(b, flip_b)
    found: list[Array | None] = [None, None]
    if call.active[0]:
        found[0] = shrunk(_flipped(gradient @ _flipped(right, True), flip_a), a.shape)
    if call.active[1]:
        found[1] = shrunk(_flipped(_flipped(left, True) @ gradient, flip_b), b.shape)
    return found


def _flipped(values: Array, flip: bool) -> Array:
    return np.swapaxes(values, -1, -2) if flip else values


RULES: Final[Mapping[str, Rule]] = {
    "Add": _pair(lambda a, b: (1.0, 1.0)),
    "Subtract": _pair(lambda a, b: (1.0, -1.0)),
    "Multiply": _pair(lambda a, b: (b, a)),
    "Divide": _pair(lambda a, b: (1 / b, -a / (b * b))),
    "SquaredDifference": _pair(lambda a, b: (2 * (a - b), 2 * (b - a))),
    "Maximum": _pair(lambda a, b: (a > b, b >= a)),
    "Minimum": _pair(lambda a, b: (a < b, b <= a)),
    "Power": _pair(_power),
    "Negative": lambda call: [-call.gradient],
    "Abs": _single(np.sign),
    "Sqrt": _single(lambda x: 0.5 / np.sqrt(np.maximum(x, 1e-20))),
    "Exp": _single(np.exp),
    "Log": _single(lambda x: 1 / x),
    "Relu": _single(lambda x: x > 0),
    "PRelu": _prelu,
    "Sigmoid": _single(lambda x: _logistic(x) * (1 - _logistic(x))),
    "Tanh": _single(lambda x: 1 - np.tanh(x) ** 2),
    "Erf": _single(lambda x: _HALF_GAUSSIAN * np.exp(-x * x)),
    "Gelu": _single(_gelu),
    "Swish": _swish,
    "HSwish": _single(_hard_swish),
    "HSigmoid": _single(lambda x: (np.abs(x) < 3) / 6),
    "HardSigmoid": _hard_sigmoid,
    "Clamp": _clamp,
    "ReduceSum": _sum,
    "ReduceMean": _mean,
    "ReduceMax": _max,
    "ReduceL2": _length,
    "Softmax": _softmax,
    "MVN": _standardise,
    "BatchNormInference": _batch_norm,
    "MatMul": _product,
}
"""Operation -> its rule."""
