"""The peer: a handler as tutorials write it, PyTorch eager behind FastAPI.

Started by serving.py in the project's own environment (python-multipart besides). The network
and its weights are those that headstart starts from; the head is random, which changes nothing
in the time.

    python benchmarks/peers/fastapi_eager.py --backbone efficientnet_lite0 --classes 6
"""

from __future__ import annotations

import argparse

import torch
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import resolve_weights
from headstart.config import cache_dir


class Classifier(nn.Module):
    """The backbone, its final average, a linear head, softmax."""

    def __init__(self, spec: BackboneSpec, classes: int) -> None:
        super().__init__()
        self.backbone = build_network(spec, resolve_weights(spec, cache=cache_dir()))
        self.head = nn.Linear(self.backbone.num_features, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return probabilities, (N, K)."""
        maps = self.backbone.forward_features(images)
        return self.head(maps.mean((2, 3))).softmax(1)


def build_app(spec: BackboneSpec, classes: int) -> FastAPI:
    """Return the handler and the application around it."""
    model = Classifier(spec, classes).eval()
    preprocess = transforms.Compose(
        [
            transforms.Resize((spec.size_px, spec.size_px), InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )
    app = FastAPI()

    @app.post("/predict")
    def predict(file: UploadFile) -> dict[str, list[float]]:
        image = Image.open(file.file).convert("RGB")
        with torch.inference_mode():
            return {"probabilities": model(preprocess(image)[None])[0].tolist()}

    return app


def main() -> None:
    """Serve on any free port; uvicorn says which."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--classes", type=int, default=6)
    options = parser.parse_args()
    uvicorn.run(build_app(find_backbone(options.backbone), options.classes), port=0)


if __name__ == "__main__":
    main()
