"""The peer: fastai's ``vision_learner`` on timm's EfficientNet-Lite0, unfrozen and fitted.

Runs in an environment of its own (fastai 2.8); started by fine_tuning.py. Images are
resized and normalised, without augmentation; the weights are random, because only the
time counts. Partial fine-tuning is fastai's own: a splitter, ``freeze_to(1)``, and
``train_bn=False``, since fastai would otherwise train every batch norm as well.
Prints one line of JSON: images and seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import fastai
import timm
import torch
from _step_clock import StepClock, peer_parser, trained_weights
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.progress import ProgressCallback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import IndexSplitter, Normalize, get_image_files, parent_label
from fastai.learner import Learner
from fastai.vision.augment import Resize
from fastai.vision.data import ImageBlock
from fastai.vision.learner import vision_learner
from torch import nn

HALF = (0.5, 0.5, 0.5)


class Clocked(Callback):
    """Times the steps of the one epoch, and ends the training after it."""

    def __init__(self, clock: StepClock) -> None:
        self.clock = clock

    def before_train(self) -> None:
        """Start the clock."""
        self.clock.begin()

    def after_batch(self) -> None:
        """Count the step."""
        if self.training and self.clock.step(len(self.xb[0])):
            raise CancelFitException

    def after_train(self) -> None:
        """Do without validation: there is nothing to validate on."""
        raise CancelFitException


def load_images(folder: Path, arguments: argparse.Namespace) -> DataLoaders:
    """Return shuffled, normalised batches of all images."""
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=parent_label,
        splitter=IndexSplitter([]),
        item_tfms=Resize(arguments.size),
        batch_tfms=Normalize.from_stats(HALF, HALF),
    )
    return block.dataloaders(folder, bs=arguments.batch, num_workers=arguments.workers)


def build_learner(images: DataLoaders, arguments: argparse.Namespace) -> Learner:
    """Return a learner that trains all weights, or those in the file and the head."""
    trained = trained_weights(arguments.trained)

    def three_groups(model: nn.Module) -> list[list[nn.Parameter]]:
        named = list(model[0].model.named_parameters())
        lower = [weight for name, weight in named if name not in trained]
        upper = [weight for name, weight in named if name in trained]
        return [lower, upper, list(model[1].parameters())]

    learner = vision_learner(
        images,
        arguments.architecture,
        pretrained=False,
        train_bn=trained is None,
        **({} if trained is None else {"splitter": three_groups}),
    )
    if arguments.channels_last:
        learner.add_cb(ChannelsLast())
    learner.remove_cb(ProgressCallback)
    learner.unfreeze() if trained is None else learner.freeze_to(1)
    return learner


def main() -> None:
    """Train for one epoch, or some steps of it."""
    arguments = peer_parser(__doc__.splitlines()[0]).parse_args()
    torch.manual_seed(0)
    learner = build_learner(load_images(arguments.folder, arguments), arguments)
    clock = StepClock(arguments.steps, arguments.warm_up)
    with learner.no_logging():
        learner.fit(1, 1e-3, cbs=Clocked(clock))
    count = sum(p.numel() for p in learner.model[0].parameters() if p.requires_grad)
    name = f"fastai {fastai.__version__}, timm {timm.__version__}, PyTorch {torch.__version__}"
    clock.print(versions=name, trained_numbers=str(count))


if __name__ == "__main__":
    main()
