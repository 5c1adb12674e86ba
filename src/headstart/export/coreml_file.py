"""Core ML: an ML program for Apple's devices, one image at a time, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from headstart.bundle import Bundle
from headstart.engines.base import Outputs, PixelBatch
from headstart.export.description import metadata_of
from headstart.export.formats import FORMATS, Answering
from headstart.export.single_image import for_one_image
from headstart.export.torch_module import converting, quietly, trace
from headstart.files import storage_errors

_INPUT, _OUTPUT = "pixels", "probabilities"


def write(bundle: Bundle, path: Path) -> None:
    """Write the package; pixels are float32 of 0 to 255, shape (1, S, S, 3)."""
    with quietly():
        import coremltools as ct

    side = bundle.info.geometry.size_px
    shape = (1, side, side, 3)
    traced = _traced(bundle)
    with storage_errors(path), converting("coremltools"):
        model = ct.convert(
            traced,
            inputs=[ct.TensorType(name=_INPUT, shape=shape, dtype=np.float32)],
            outputs=[ct.TensorType(name=_OUTPUT, dtype=np.float32)],
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        model.user_defined_metadata.update(metadata_of(bundle, FORMATS["coreml"]))
        model.save(str(path))


def opened(path: Path) -> Answering:
    """Return what runs it: Core ML, on macOS."""
    import coremltools as ct

    model = ct.models.MLModel(str(path))

    def answer(pixels: PixelBatch) -> Outputs:
        one_by_one = [{_INPUT: image[None].astype(np.float32)} for image in pixels]
        return np.concatenate([model.predict(it)[_OUTPUT] for it in one_by_one])

    return answer


def translated(bundle: Bundle) -> Answering:
    """Return the module that was converted, in PyTorch: the nearest that runs elsewhere."""
    traced = _traced(bundle)

    def one(image: PixelBatch) -> Outputs:
        with torch.no_grad():
            return np.asarray(traced(torch.from_numpy(image[None]).float()), np.float32)

    return lambda pixels: np.concatenate([one(image) for image in pixels])


def _traced(bundle: Bundle) -> Any:
    side = bundle.info.geometry.size_px
    single = for_one_image(onnx.load(bundle.graph), side)
    with converting("PyTorch"):
        return trace(single, side, batch=1, pixels_type=np.float32)
