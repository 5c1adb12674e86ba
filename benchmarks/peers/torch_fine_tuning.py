"""The peer: fine-tuning of EfficientNet-Lite0 in the plain PyTorch loop.

Started by fine_tuning.py in the project's own environment: timm's network, a linear
head, AdamW, the images decoded by loader processes. The weights are random, because
only the time counts. Prints one line of JSON: images and seconds.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path

import timm
import torch
from _step_clock import StepClock, peer_parser, trained_weights
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

HALF = (0.5, 0.5, 0.5)


def load_images(folder: Path, arguments: argparse.Namespace) -> DataLoader:
    """Return shuffled batches of the usual preprocessing."""
    steps = [
        transforms.Resize((arguments.size, arguments.size)),
        transforms.ToTensor(),
        transforms.Normalize(HALF, HALF),
    ]
    images = ImageFolder(str(folder), transforms.Compose(steps))
    return DataLoader(images, arguments.batch, shuffle=True, num_workers=arguments.workers)


class Loop:
    """A training loop that changes the network."""

    def __init__(self, classes: int, arguments: argparse.Namespace) -> None:
        layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
        network = timm.create_model(arguments.architecture, num_classes=classes)
        self.network = network.to(memory_format=layout).train()
        self._freeze(trained_weights(arguments.trained))
        if arguments.frozen_batch_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        moving = [weight for weight in self.network.parameters() if weight.requires_grad]
        self.trained_numbers = sum(weight.numel() for weight in moving)
        self.optimizer = torch.optim.AdamW(moving, lr=4e-4)
        self.layout = layout
        self.loss = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.is_bf16 = arguments.bf16

    def _freeze(self, trained: frozenset[str] | None) -> None:
        head = {f"classifier.{name}" for name, _ in self.network.classifier.named_parameters()}
        for name, weight in self.network.named_parameters():
            weight.requires_grad_(trained is None or name in trained or name in head)

    def run(self, batches: DataLoader, clock: StepClock) -> None:
        """Train until the clock has enough, or the epoch is over."""
        clock.begin()
        for images, targets in batches:
            self.step(images.to(memory_format=self.layout), targets)
            if clock.step(len(images)):
                break

    def step(self, images: torch.Tensor, targets: torch.Tensor) -> None:
        """Train on one batch."""
        with self._autocast():
            loss = self.loss(self.network(images), targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.is_bf16)


def main() -> None:
    """Train for one epoch, or some steps of it."""
    parser = peer_parser(__doc__.splitlines()[0])
    parser.add_argument("--bf16", action="store_true", help="autocast")
    parser.add_argument("--frozen-batch-norm", action="store_true", help="in inference mode")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    batches = load_images(arguments.folder, arguments)
    clock = StepClock(arguments.steps, arguments.warm_up)
    loop = Loop(len(batches.dataset.classes), arguments)
    loop.run(batches, clock)
    name = f"PyTorch {torch.__version__}, timm {timm.__version__}"
    clock.print(versions=name, trained_numbers=str(loop.trained_numbers))


if __name__ == "__main__":
    main()
