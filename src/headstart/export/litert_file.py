"""LiteRT (TensorFlow Lite): one file for phones and small boards, one image at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch

from headstart.bundle import Bundle
from headstart.engines.base import Outputs, PixelBatch
from headstart.export.formats import Answering
from headstart.export.single_image import for_one_image
from headstart.export.torch_module import GraphModule, converting, quietly
from headstart.files import storage_errors


def write(bundle: Bundle, path: Path) -> None:
    """Write it; pixels are uint8, shape (1, S, S, 3)."""
    with quietly():
        import litert_torch

    side = bundle.info.geometry.size_px
    example = (torch.zeros(1, side, side, 3, dtype=torch.uint8),)
    module = GraphModule(for_one_image(onnx.load(bundle.graph), side)).eval()
    with storage_errors(path), converting("litert-torch"):
        litert_torch.convert(module, example).export(str(path))


def opened(path: Path) -> Answering:
    """Return what runs it: LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()

    def one(image: PixelBatch) -> Outputs:
        interpreter.set_tensor(given["index"], image[None])
        interpreter.invoke()
        return np.array(interpreter.get_tensor(made["index"]), np.float32)

    return lambda pixels: np.concatenate([one(image) for image in pixels])
