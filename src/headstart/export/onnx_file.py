"""One ONNX file that needs no other: tensors inside, and what it is in its metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from headstart.bundle import Bundle
from headstart.engines.base import Outputs, PixelBatch
from headstart.export.description import metadata_of
from headstart.export.formats import FORMATS, Answering
from headstart.files import write_bytes


def write(bundle: Bundle, path: Path) -> None:
    """Write it; ONNX Runtime, also that of the browser, reads it by itself."""
    model = onnx.load(str(bundle.graph))
    model.producer_name = "headstart"
    model.doc_string = "uint8 pixels (N, S, S, 3), RGB, in; calibrated probabilities (N, K) out"
    onnx.helper.set_model_props(model, metadata_of(bundle, FORMATS["onnx"]))
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString(deterministic=True))


def opened(path: Path) -> Answering:
    """Return what runs it: ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def answer(pixels: PixelBatch) -> Outputs:
        return np.asarray(session.run(None, {name: pixels})[0], np.float32)

    return answer
