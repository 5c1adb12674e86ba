"""The C kernels as methods on tensors; :mod:`headstart.kernels.library` compiles them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Final

import torch

_WIDEST: Final = 7
_SOME_ROWS: Final = 1024
_MOST_WEIGHTS: Final = 2**18
"""Between these, one pass for all gradients of a 1x1 convolution beats several: it needs rows
to be worth it, and room in the cache for the sums of the weights."""


class _Shape(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in ("n", "h", "w", "c", "out_h", "out_w", "k", "stride", "pad_top", "pad_left")
    )


class Kernels:
    """Depthwise gradients, norms, folded norms, pooling, dropout; bfloat16, dense, channels last.

    Args:
        library: What ``kernels/*.c`` were compiled to.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._has_tiles = bool(library.has_tiles())
        self._has_pairs = bool(library.has_pairs())

    def clip_gradient(
        self, gradient: torch.Tensor, output: torch.Tensor, low: float, high: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradient where ``low < output < high``, else 0, and its sums (C,).

        Args:
            gradient: bfloat16, shape (..., C), contiguous.
            output: Of the same shape and kind.
            low: Where the activation starts.
            high: Where it ends.
        """
        masked = torch.empty_like(gradient)
        channels = gradient.shape[-1]
        bias = torch.empty(channels)
        self._call(
            "clip_gradient",
            *map(_pointer, (gradient, output, masked, bias)),
            ctypes.c_int64(gradient.numel() // channels),
            ctypes.c_int64(channels),
            ctypes.c_float(low),
            ctypes.c_float(high),
        )
        return masked, bias

    def fold(self, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return ``weight * scale`` in bfloat16.

        Args:
            weight: float32, shape (O, I), contiguous.
            scale: float32, shape (O,).
        """
        packed = torch.empty(weight.shape, dtype=torch.bfloat16)
        rows, columns = map(ctypes.c_int64, weight.shape)
        self._call("fold", *map(_pointer, (weight, scale, packed)), rows, columns)
        return packed

    def fold_gradient(
        self, gradient: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradients of :meth:`fold`'s arguments, float32.

        Args:
            gradient: Of its result, bfloat16, shape (O, I), contiguous.
            weight: As it was given.
            scale: As it was given.
        """
        found = torch.empty_like(weight), torch.empty_like(scale)
        rows, columns = map(ctypes.c_int64, weight.shape)
        tensors = map(_pointer, (gradient, weight, scale, *found))
        self._call("fold_gradient", *tensors, rows, columns)
        return found

    def does_pointwise(self, rows: int, weights: int) -> bool:
        """Tell whether :meth:`pointwise_gradients` can be asked, and is worth it."""
        return self._has_tiles and rows >= _SOME_ROWS and weights <= _MOST_WEIGHTS

    def pointwise_gradients(
        self,
        x: torch.Tensor,
        gradient: torch.Tensor,
        output: torch.Tensor | None,
        weight: torch.Tensor,
        *,
        low: float,
        high: float,
        with_input: bool,
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        """Return the gradients of input (R, I) and weights (O, I), bfloat16, and of bias (O,).

        Args:
            x: Input, bfloat16 (R, I), contiguous.
            gradient: Of the output behind the clip, bfloat16 (R, O), contiguous.
            output: Likewise; ``None`` where nothing clips.
            weight: bfloat16 (O, I), contiguous.
            low: Where the clip starts.
            high: Where it ends.
            with_input: Whether the first is wanted.
        """
        of_weight, of_bias = torch.empty_like(weight), torch.empty(len(weight))
        of_input = torch.empty_like(x) if with_input else None
        tensors = (gradient, output, x, weight, of_input, of_weight, of_bias)
        places = (None if one is None else _pointer(one) for one in tensors)
        sizes = map(ctypes.c_int64, (len(x), *weight.shape))
        self._call("pointwise_gradients", *places, *sizes, *_ends(low, high))
        return of_input, of_weight, of_bias

    def does_depthwise(self, size: int) -> bool:
        """Tell whether :meth:`depthwise_gradients` can be asked for a kernel of that side."""
        return self._has_pairs and size <= _WIDEST

    def depthwise_gradients(
        self,
        x: torch.Tensor,
        gradient: torch.Tensor,
        output: torch.Tensor | None,
        weight: torch.Tensor,
        *,
        stride: int,
        pad: Pad,
        low: float,
        high: float,
        with_input: bool,
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        """Return the gradients of input, bfloat16, of weights (C, 1, K, K) and of bias (C,).

        Args:
            x: Input, bfloat16 (N, H, W, C), contiguous.
            gradient: Of the output behind the clip, bfloat16 (N, H', W', C), contiguous.
            output: Likewise; ``None`` where nothing clips.
            weight: float32 (C, 1, K, K), K as :meth:`does_depthwise` allows.
            stride: Of the convolution, both ways.
            pad: Zeros above and to the left.
            low: Where the clip starts.
            high: Where it ends.
            with_input: Whether the first is wanted.
        """
        channels, size = x.shape[-1], weight.shape[-1]
        packed = weight.detach()[:, 0].permute(1, 2, 0).contiguous()
        of_weight, of_bias = torch.empty(size, size, channels), torch.empty(channels)
        of_input = torch.empty(x.shape, dtype=torch.bfloat16) if with_input else None
        tensors = (x, gradient, output, packed, of_input, of_weight, of_bias)
        shape = _shape(x.shape, gradient, size, stride, pad)
        places = (None if one is None else _pointer(one) for one in tensors)
        self._call("depthwise_gradients", *places, ctypes.byref(shape), *_ends(low, high))
        return of_input, of_weight.permute(2, 0, 1)[:, None], of_bias

    def weight_gradient(
        self, x: torch.Tensor, gradient: torch.Tensor, *, size: int, stride: int, pad: Pad
    ) -> torch.Tensor:
        """Return the gradient of the weights, float32 (C, 1, K, K).

        Args:
            x: Input, bfloat16 (N, H, W, C), contiguous.
            gradient: Of the output, bfloat16 (N, H', W', C), contiguous.
            size: Side K of the kernel.
            stride: Of the convolution, both ways.
            pad: Zeros above and to the left.
        """
        out = torch.empty(size, size, x.shape[-1])
        shape = _shape(x.shape, gradient, size, stride, pad)
        self._call("weight_gradient", *map(_pointer, (x, gradient, out)), ctypes.byref(shape))
        return out.permute(2, 0, 1)[:, None]

    def input_gradient(
        self, gradient: torch.Tensor, weight: torch.Tensor, x: torch.Size, *, stride: int, pad: Pad
    ) -> torch.Tensor:
        """Return the gradient of the input, bfloat16, shape ``x``.

        Args:
            gradient: Of the output, bfloat16 (N, H', W', C), contiguous.
            weight: float32 (C, 1, K, K).
            x: Shape of the input, (N, H, W, C).
            stride: Of the convolution, both ways.
            pad: Zeros above and to the left.
        """
        out = torch.empty(x, dtype=torch.bfloat16)
        packed = weight[:, 0].permute(1, 2, 0).contiguous()
        shape = _shape(x, gradient, weight.shape[-1], stride, pad)
        self._call("input_gradient", *map(_pointer, (gradient, packed, out)), ctypes.byref(shape))
        return out

    def moments(
        self, rows: torch.Tensor, *, rectified: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean and the variance (biased) of each column, float32 (C,).

        Args:
            rows: bfloat16 (R, C), contiguous.
            rectified: Where ``max(rows, 0)`` is written, like ``rows``; the moments are of that.
        """
        origin = rows[0].float()  # differences from it: large means cost no digits
        if rectified is not None:
            origin.clamp_min_(0)
        sums = torch.empty(2, rows.shape[1])
        tensors = (rows, origin, rectified, *sums)
        places = (None if one is None else _pointer(one) for one in tensors)
        self._call("norm_moments", *places, *_sizes(rows))
        offset, square = sums / len(rows)
        return origin + offset, (square - offset * offset).clamp_min_(0)

    def normalise(
        self,
        rows: torch.Tensor,
        scale: torch.Tensor,
        shift: torch.Tensor,
        low: float,
        high: float,
        *,
        out: torch.Tensor,
    ) -> None:
        """Write ``clip(rows * scale + shift)``, bfloat16 (R, C), to ``out``."""
        tensors = (rows, scale, shift, out)
        self._call("norm_forward", *map(_pointer, tensors), *_sizes(rows), *_ends(low, high))

    def norm_sums(
        self,
        gradient: torch.Tensor,
        output: torch.Tensor,
        rows: torch.Tensor,
        mean: torch.Tensor,
        low: float,
        high: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sums over rows of the gradient before the clip, alone and times x - mean.

        Args:
            gradient: Of the output, bfloat16 (R, C), contiguous.
            output: Clipped, like ``gradient``.
            rows: Before the norm, like ``gradient``.
            mean: Of ``rows``, float32 (C,).
            low: Where the clip starts.
            high: Where it ends.
        """
        sums = torch.empty(2, rows.shape[1])
        tensors = (gradient, output, rows, mean, *sums)
        self._call("norm_sums", *map(_pointer, tensors), *_sizes(rows), *_ends(low, high))
        return sums[0], sums[1]

    def norm_backward(
        self,
        gradient: torch.Tensor,
        output: torch.Tensor,
        rows: torch.Tensor,
        factors: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        low: float,
        high: float,
        *,
        rectified: bool,
        out: torch.Tensor,
    ) -> None:
        """Compute ``g * by_g + rows * by_x + rest``, g being the gradient before the clip.

        Args:
            gradient: As :meth:`norm_sums` takes it; ``output``, ``rows``, ``low`` and ``high``
                too.
            output: See there.
            rows: See there.
            factors: ``by_g``, ``by_x`` and ``rest``, float32 (C,) each.
            low: See there.
            high: See there.
            rectified: Whether ``rows`` are what a ReLU left, and the gradient of its input
                is wanted.
            out: Where it goes, like ``gradient``.
        """
        tensors = (gradient, output, rows, *factors, out)
        ends = (*_ends(low, high), ctypes.c_int(rectified))
        self._call("norm_backward", *map(_pointer, tensors), *_sizes(rows), *ends)

    def drop(self, values: torch.Tensor, *, seed: int, share: float, out: torch.Tensor) -> None:
        """Write values, a share of them zero, the others larger for it, to ``out``.

        Args:
            values: bfloat16, contiguous.
            seed: Which; of 64 bits. The same seed drops the same places.
            share: In [0, 1).
            out: Like ``values``.
        """
        self._call(
            "dropout",
            *map(_pointer, (values, out)),
            ctypes.c_uint64(seed),
            ctypes.c_uint32(min(round(share * 2**32), 2**32 - 1)),
            ctypes.c_float(1 / (1 - share)),
            ctypes.c_int64(values.numel()),
        )

    def pool(
        self, activation: torch.Tensor, least: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return mean, maximum and deviation over places, float32 (N, C) each.

        Args:
            activation: bfloat16 (N, ..., C), contiguous.
            least: The variance is not taken for less.
        """
        n, c = activation.shape[0], activation.shape[-1]
        found = torch.empty(3, n, c)
        tensors = map(_pointer, (activation, *found))
        self._call("pool_forward", *tensors, *_places(activation), ctypes.c_float(least))
        return found[0], found[1], found[2]

    def pool_gradient(
        self,
        activation: torch.Tensor,
        found: Sequence[torch.Tensor],
        gradients: Sequence[torch.Tensor],
        least: float,
    ) -> torch.Tensor:
        """Return the gradient of the activation, bfloat16, of its shape.

        Args:
            activation: As :meth:`pool` took it.
            found: What it returned.
            gradients: Of that, float32 (N, C) each, contiguous.
            least: As it was given.
        """
        out = torch.empty_like(activation)
        tensors = map(_pointer, (activation, *found, *gradients, out))
        self._call("pool_backward", *tensors, *_places(activation), ctypes.c_float(least))
        return out

    def _call(self, name: str, *arguments: object) -> None:
        failed = getattr(self._library, name)(*arguments, ctypes.c_int(torch.get_num_threads()))
        if failed:
            raise MemoryError(f"no memory for {name}")


Pad = tuple[int, int]


def _pointer(tensor: torch.Tensor) -> ctypes.c_void_p:
    assert tensor.is_contiguous(), "a kernel was given a tensor with gaps"
    return ctypes.c_void_p(tensor.data_ptr())


def _sizes(rows: torch.Tensor) -> tuple[ctypes.c_int64, ctypes.c_int64]:
    return ctypes.c_int64(rows.shape[0]), ctypes.c_int64(rows.shape[1])


def _places(activation: torch.Tensor) -> tuple[ctypes.c_int64, ...]:
    n, c = activation.shape[0], activation.shape[-1]
    return tuple(map(ctypes.c_int64, (n, activation.numel() // max(n * c, 1), c)))


def _ends(low: float, high: float) -> tuple[ctypes.c_float, ctypes.c_float]:
    return ctypes.c_float(low), ctypes.c_float(high)


def _shape(x: torch.Size, gradient: torch.Tensor, size: int, stride: int, pad: Pad) -> _Shape:
    return _Shape(*x, *gradient.shape[1:3], size, stride, *pad)
