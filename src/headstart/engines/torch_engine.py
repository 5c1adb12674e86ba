"""PyTorch: for CUDA and MPS devices, and the reference that OpenVINO is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch

from headstart.engines.base import Outputs, PixelBatch, check_pixels

GPU_BATCH = 128
CPU_BATCH = 32


def best_device() -> str:
    """Return the fastest device PyTorch has here: ``cuda``, ``mps`` or ``cpu``."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class TorchEngine:
    """Runs a module with PyTorch. See :class:`headstart.engines.base.Engine`.

    Args:
        module: Takes uint8 (N, H, W, 3), returns a tuple of (N, C) tensors.
        device: PyTorch device; the fastest one where not given.
        precision: ``"bf16"`` (autocast), ``"f32"``, or ``"auto"``: bf16 on CUDA.
        batch_size: Images at a time.
    """

    name = "torch"

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        device: str | None = None,
        precision: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        self.device = device or best_device()
        on_cuda = self.device.startswith("cuda")
        self.precision = ("bf16" if on_cuda else "f32") if precision == "auto" else precision
        self.batch_size = batch_size or (CPU_BATCH if self.device == "cpu" else GPU_BATCH)
        self._module = module.eval().to(self.device).to(memory_format=torch.channels_last)

    def stream(self, batches: Iterable[PixelBatch]) -> Iterator[Outputs]:
        """Yield each batch's outputs, in order."""
        for batch in batches:
            with torch.inference_mode(), self._autocast():
                blocks = self._module(torch.from_numpy(check_pixels(batch)).to(self.device))
                joined = torch.cat([block.float() for block in blocks], dim=1)
            yield joined.cpu().numpy()

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "f32":
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16)
