"""What is known of a backbone before any library is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headstart.config.schema import Interpolation

Library = Literal["timm", "pytorchcv", "headstart"]
Statistic = Literal["mean", "max", "std"]
FINAL_TAP = "final"
CLASSIFIER_TAP = "classifier"
"""The network's own answer, its logits: what it already sees, never a feature for a head."""
FLAT = "flat"
"""The final activation un-pooled, every number of it: only for heads that ask for it."""


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """Weights that a Python package carries in a file.

    Attributes:
        package: Import name of the package.
        file: Path of the checkpoint inside the package.
        sha256: Digest that the file must have.
        naming: Which rule of :mod:`headstart.backbones.weights` maps its tensor names.
        licence: SPDX identifier.
    """

    package: str
    file: str
    sha256: str
    naming: str
    licence: str

    @property
    def distribution(self) -> str:
        """What pip calls the package."""
        return self.package.replace("_", "-")


@dataclass(frozen=True, slots=True)
class HubWeights:
    """Weights that a model hub holds and pip does not bring.

    Attributes:
        repository: Such as ``"timm/resnet50.a1_in1k"``.
        licence: SPDX identifier.
        file: Name of the safetensors file in it.
    """

    repository: str
    licence: str
    file: str = "model.safetensors"


@dataclass(frozen=True, slots=True)
class UrlWeights:
    """Weights that lie on the web outside any hub.

    Attributes:
        url: Where; a ``.zip`` holds the one file.
        licence: SPDX identifier.
        file: Name of the PyTorch checkpoint.
        digest: How its digest starts, as its publisher gives it: ``"sha256:43020ad28"``.
    """

    url: str
    licence: str
    file: str
    digest: str


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """One entry of the catalog.

    Attributes:
        name: Canonical name, as in configurations and bundles.
        aliases: Other names it answers to, in any case.
        architecture: Name in the library that builds it.
        library: Which one that is.
        size_px: Side of the square it was trained on.
        interpolation: Resampling filter it was trained with.
        crop_fraction: Central share of an image's shorter side it was judged on.
        mean: Channel means on the 0..1 scale that its weights expect.
        std: Channel standard deviations on that scale.
        taps: Modules whose output is pooled into features besides the final one.
        parameters: Trainable weights, the ImageNet classifier included.
        top1: Published ImageNet top-1 accuracy, in percent.
        weights: Where pretrained weights come from; ``None`` for a network that has none
            and is trained from scratch.
        labels: What the outputs of its own classifier mean, ``"imagenet-1k"``; ``None``
            where its weights bring no classifier.
    """

    name: str
    aliases: tuple[str, ...]
    architecture: str
    size_px: int
    interpolation: Interpolation
    crop_fraction: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    taps: tuple[str, ...]
    parameters: int
    top1: float
    weights: PackagedWeights | HubWeights | UrlWeights | None
    labels: str | None = "imagenet-1k"
    library: Library = "timm"

    @property
    def licence(self) -> str:
        """Licence of the weights; empty where there are none."""
        return self.weights.licence if self.weights else ""

    @property
    def weights_key(self) -> str:
        """What tells these weights from others of the same network."""
        if isinstance(self.weights, PackagedWeights):
            return self.weights.sha256
        if isinstance(self.weights, UrlWeights):
            return self.weights.url
        return self.weights.repository if self.weights else ""
