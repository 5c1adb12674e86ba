"""TorchScript: one file for ``torch.jit.load`` in Python, C++ and on phones."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from headstart.bundle import Bundle
from headstart.engines.base import Outputs, PixelBatch
from headstart.export.description import metadata_of
from headstart.export.formats import FORMATS, Answering
from headstart.export.torch_module import converting, quietly, trace
from headstart.files import storage_errors


def write(bundle: Bundle, path: Path) -> None:
    """Write it, with what the bundle is as extra files inside."""
    with converting("PyTorch"):
        traced = trace(onnx.load(bundle.graph), bundle.info.geometry.size_px)
    with storage_errors(path), quietly():
        torch.jit.save(traced, str(path), _extra_files=metadata_of(bundle, FORMATS["torchscript"]))


def opened(path: Path) -> Answering:
    """Return what runs it: PyTorch."""
    with quietly():
        module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]

    def answer(pixels: PixelBatch) -> Outputs:
        with torch.no_grad():
            return module(torch.from_numpy(pixels)).numpy()  # type: ignore[no-any-return]

    return answer
