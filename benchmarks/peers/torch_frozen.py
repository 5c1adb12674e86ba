"""The peer: frozen EfficientNet-Lite0 with a trained head, the plain PyTorch loop.

Started by against_torch.py in the project's own environment. The network and its
weights are the ones that headstart uses. Prints one line of JSON: seconds of each epoch.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import resolve_weights
from headstart.config import cache_dir


def load_images(folder: str, spec: BackboneSpec, batch: int, workers: int) -> DataLoader:
    """Return shuffled batches of the usual preprocessing."""
    steps = [
        transforms.Resize(round(spec.size_px / spec.crop_fraction), InterpolationMode.BICUBIC),
        transforms.CenterCrop(spec.size_px),
        transforms.ToTensor(),
        transforms.Normalize(spec.mean, spec.std),
    ]
    images = ImageFolder(folder, transforms.Compose(steps))
    return DataLoader(images, batch, shuffle=True, num_workers=workers, persistent_workers=True)


class FrozenLoop:
    """A training loop that changes only the head."""

    def __init__(self, spec: BackboneSpec, classes: int, layout: torch.memory_format) -> None:
        self.layout = layout
        weights = resolve_weights(spec, cache=cache_dir())
        self.backbone = build_network(spec, weights).eval().to(memory_format=layout)
        for parameter in self.backbone.parameters():
            parameter.requires_grad_(False)
        self.head = nn.Linear(self.backbone.num_features, classes)
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=1e-3)
        self.loss = nn.CrossEntropyLoss()

    def epoch_s(self, batches: DataLoader) -> float:
        """Train for one epoch and return its seconds."""
        began = time.perf_counter()
        for images, targets in batches:
            with torch.no_grad():
                maps = self.backbone.forward_features(images.to(memory_format=self.layout))
            loss = self.loss(self.head(maps.mean((2, 3))), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return time.perf_counter() - began


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder/<class>/*")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Train and print the seconds."""
    arguments = parse()
    torch.manual_seed(0)
    spec = find_backbone(arguments.backbone)
    batches = load_images(arguments.folder, spec, arguments.batch, arguments.workers)
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    loop = FrozenLoop(spec, len(batches.dataset.classes), layout)
    epochs_s = [loop.epoch_s(batches) for _ in range(arguments.epochs)]
    print(json.dumps({"epochs_s": epochs_s, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
