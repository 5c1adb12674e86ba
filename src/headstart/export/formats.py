"""The formats a bundle is exported to: what writes each, and what runs it here.

A format is one entry of :data:`FORMATS`. ``write`` makes its file from the bundle, ``opened``
returns what runs that file, so that it can be held against the bundle.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from headstart.bundle import Bundle
from headstart.engines.base import Engine, Outputs, PixelBatch, check_pixels
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import MissingDependencyError, UnknownNameError

Answering: TypeAlias = Callable[[PixelBatch], Outputs]
_BATCH: Final = 8


@dataclass(frozen=True)
class ExportFormat:
    """A format.

    Attributes:
        name: As ``--format`` takes it.
        file: Name of what is written.
        module: Where ``write`` and ``opened`` are.
        needs: Packages that write it: import name -> what pip calls it.
        runs_with: Packages that run it, likewise.
        elsewhere: Why it cannot be run on this system; empty where it can.
        dtype: Of its pixels.
        batch: Images it takes at a time: any number (``"N"``), or one.
    """

    name: str
    file: str
    module: str
    needs: Mapping[str, str]
    runs_with: Mapping[str, str]
    elsewhere: str = ""
    dtype: str = "uint8"
    batch: str | int = "N"


class CallingEngine:
    """Runs batches through a function. See :class:`headstart.engines.base.Engine`.

    Args:
        answer: From uint8 (n, S, S, 3) to float32 (n, K).
        name: What computes.
        batch_size: Most images at a time.
    """

    device = "CPU"
    precision = "f32"

    def __init__(self, answer: Answering, *, name: str, batch_size: int = _BATCH) -> None:
        self.name = name
        self.batch_size = batch_size
        self._answer = answer

    def stream(self, batches: Iterable[PixelBatch]) -> Iterator[Outputs]:
        """Yield each batch's outputs, in order."""
        for batch in batches:
            yield np.asarray(self._answer(check_pixels(batch)), np.float32)


_ONNX: Final = {"onnx": "onnx"}
_TORCH: Final = {**_ONNX, "torch": "torch"}
_LITERT: Final = {**_TORCH, "litert_torch": "litert-torch"}
_LITERT_RUNS: Final = {"ai_edge_litert": "ai-edge-litert"}
_MAC: Final = (
    "the package itself was not run, since Core ML runs on macOS only: the figures are those of "
    "the PyTorch translation it was converted from. Run this command on a Mac for its own"
)
FORMATS: Final[Mapping[str, ExportFormat]] = {
    it.name: it
    for it in (
        ExportFormat("onnx", "model.onnx", "onnx_file", _ONNX, {"onnxruntime": "onnxruntime"}),
        ExportFormat("openvino", "model.xml", "openvino_file", {}, {}),
        ExportFormat("torchscript", "model.pt", "torchscript_file", _TORCH, {}),
        ExportFormat("litert", "model.tflite", "litert_file", _LITERT, _LITERT_RUNS, batch=1),
        ExportFormat(
            "coreml",
            "model.mlpackage",
            "coreml_file",
            {**_TORCH, "coremltools": "coremltools"},
            {},
            "" if sys.platform == "darwin" else _MAC,
            dtype="float32",
            batch=1,
        ),
    )
}
INT8: Final = "int8"
INT8_NEEDS: Final = {**_ONNX, "onnxruntime": "onnxruntime", "nncf": "nncf"}


def find_format(name: str) -> ExportFormat:
    """Return a format by its name.

    Raises:
        UnknownNameError: There is none such.
    """
    if name not in FORMATS:
        raise UnknownNameError("format", name, (*FORMATS, INT8))
    return FORMATS[name]


def require(needs: Mapping[str, str], *, what: str) -> None:
    """Refuse work whose packages are not there, before it begins.

    Args:
        needs: Import name -> what pip calls it.
        what: What the user wanted.

    Raises:
        MissingDependencyError: Says what to install.
    """
    missing = [pip for name, pip in needs.items() if find_spec(name) is None]
    if missing:
        names = " ".join(missing)
        raise MissingDependencyError(
            f"{what} needs {', '.join(missing)}, not installed here: pip install {names}"
        )


def write_format(chosen: ExportFormat, bundle: Bundle, folder: Path) -> Path:
    """Write a format's file into a folder and return its path.

    Raises:
        BundleError: The network cannot be translated.
        StorageError: It cannot be written.
    """
    path = folder / chosen.file
    _module(chosen).write(bundle, path)
    return path


def engine_of(chosen: ExportFormat, path: Path, bundle: Bundle) -> Engine:
    """Return what runs a written file, in float32.

    Where this system cannot, that is the PyTorch module which it was converted from.
    """
    if chosen.name == "openvino":
        return OpenVinoEngine(path, precision="f32")
    if chosen.elsewhere:
        return CallingEngine(_module(chosen).translated(bundle), name="its PyTorch translation")
    return CallingEngine(_module(chosen).opened(path), name=chosen.name)


def _module(chosen: ExportFormat) -> Any:
    return importlib.import_module(f"headstart.export.{chosen.module}")
