"""Small C kernels, compiled on first use where a C compiler is here; else done without."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import torch

from headstart.config.places import cache_dir

_FLAGS: Final = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC")
_SECONDS: Final = 120
_SOURCE: Final = "depthwise.c"


class _Shape(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in ("n", "h", "w", "c", "out_h", "out_w", "k", "stride", "pad_top", "pad_left")
    )


class Kernels:
    """Gradients of a depthwise convolution, and folded norms; bfloat16, dense, channels last.

    Args:
        library: The compiled ``kernels/depthwise.c``.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

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

    def _call(self, name: str, *arguments: object) -> None:
        failed = getattr(self._library, name)(*arguments, ctypes.c_int(torch.get_num_threads()))
        if failed:
            raise MemoryError(f"no memory for {name}")


Pad = tuple[int, int]


def _pointer(tensor: torch.Tensor) -> ctypes.c_void_p:
    assert tensor.is_contiguous(), "a kernel was given a tensor with gaps"
    return ctypes.c_void_p(tensor.data_ptr())


def _shape(x: torch.Size, gradient: torch.Tensor, size: int, stride: int, pad: Pad) -> _Shape:
    return _Shape(*x, *gradient.shape[1:3], size, stride, *pad)


@cache
def load_kernels() -> Kernels | None:
    """Return the kernels, compiling them on first use, or ``None`` where that cannot be.

    ``HEADSTART_KERNELS=0`` does without them.
    """
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CC") or "cc", "gcc"))), None)
    if compiler is None or os.environ.get("HEADSTART_KERNELS") == "0":
        return None
    source = resources.files("headstart.training").joinpath("kernels", _SOURCE).read_text()
    path = cache_dir() / "kernels" / f"{_key(source)}.so"
    try:
        if not path.is_file():
            _compile(compiler, source, path)
        return Kernels(ctypes.CDLL(str(path)))
    except (OSError, subprocess.SubprocessError):
        return None


def _key(source: str) -> str:
    """Return what a compiled file depends on: it is for this very processor."""
    try:
        processor = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
        flags = [line for line in processor.splitlines() if line.startswith(("flags", "Features"))]
    except OSError:
        flags = [platform.processor()]
    parts = (source, _FLAGS, platform.machine(), platform.system(), flags)
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def _compile(compiler: str, source: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / _SOURCE
        written.write_text(source, encoding="utf-8")
        built = Path(folder) / "kernels.so"
        command = [compiler, *_FLAGS, str(written), "-o", str(built)]
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        built.replace(path)
