"""Every setting of a training run, with its default, range and meaning.

The descriptions are the help texts of the command line: one fact, one place.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from headstart.config.base import Settings
from headstart.config.decision import DecisionConfig
from headstart.config.training import TrainingConfig

GeometryMode = Literal["crop", "pad", "squash"]
GeometryChoice = Literal["auto", "crop", "pad", "squash"]
Interpolation = Literal["bilinear", "bicubic", "lanczos", "nearest", "box"]
EngineName = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "bf16", "f32"]
Activation = Literal["relu", "gelu", "silu", "tanh"]
Optimiser = Literal["adam", "adamw", "rmsprop", "sgd"]
NeighbourWeights = Literal["distance", "uniform"]
RANDOM_WEIGHTS: Final = "none"
"""What ``backbone.weights`` says for random ones."""


class DataConfig(Settings):
    """Which images are used, and how they become pixels."""

    geometry: GeometryChoice = Field(
        "auto",
        description="How an image becomes a square: crop, pad, squash, or auto: a short trial",
    )
    crop_fraction: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Kept share of the shorter side (crop); the backbone's where not given"
    )
    image_size_px: Annotated[int, Field(ge=32, le=2048)] | None = Field(
        None, description="Side of the square; the backbone's own where not given"
    )
    interpolation: Interpolation | None = Field(
        None, description="Resampling filter; the backbone's own where not given"
    )
    val: float = Field(0.1, gt=0, lt=0.5, description="Share of validation images made")
    test: float = Field(0.1, gt=0, lt=0.5, description="Share of test images made")
    max_pixels: int = Field(50_000_000, ge=1, description="Largest image read, in pixels")
    allow_bad: bool = Field(False, description="Go on with more than 1 % bad files")
    allow_leaks: bool = Field(False, description="Go on with one image in two splits")


class BackboneConfig(Settings):
    """The pretrained network whose activations are the features."""

    name: str = Field("efficientnet_lite0", description="Pretrained network")
    weights: str | None = Field(
        None,
        min_length=1,
        description="File of weights, or none: random ones; the backbone's own where not given",
    )
    offline: bool = Field(False, description="Open no connection: never fetch weights")


class EngineConfig(Settings):
    """What computes the frozen forward pass."""

    name: EngineName = Field("auto", description="What runs the backbone")
    precision: Precision = Field("auto", description="Arithmetic of the forward pass")
    threads: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Processor threads; all that are allowed where not given"
    )


class HeadConfig(Settings):
    """The classifier on top of the features, and how it is chosen.

    What is ``None`` is as the named head has it; which head takes which setting is said in
    ``headstart.heads.presets``.
    """

    name: str = Field("linear", description="Classifier: linear, svm, knn, gap-1024-512 ...")
    taps: str = Field("auto", description="Which activations are used: auto, or a set's name")
    strength: Annotated[float, Field(gt=0)] | None = Field(
        None, description="L2 penalty; chosen by cross-validation where not given"
    )
    class_weight: Literal["balanced"] | None = Field(
        None, description="'balanced' counts every class the same"
    )
    folds: int = Field(5, ge=2, le=20, description="Cross-validation folds")
    cross_validate: Annotated[int, Field(ge=2, le=20)] | None = Field(
        None, description="Folds in which the whole choice of a head is judged as well"
    )
    ensemble: bool = Field(
        False, description="Deploy the heads of these folds, averaged, instead of one"
    )
    widths: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] | None = Field(
        None, description="Hidden layers (dense): their widths, such as [1024, 512]"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="Share dropped after each hidden layer (dense)"
    )
    batch_norm: bool | None = Field(
        None, description="Batch normalisation in each hidden layer (dense)"
    )
    activation: Activation | None = Field(None, description="Activation (dense)")
    l2: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Times the squared weights of the hidden layers, in the loss (dense)"
    )
    optimiser: Optimiser | None = Field(None, description="Optimiser (dense)")
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Learning rate (dense)"
    )
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Most passes over the images (dense)"
    )
    batch_size: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Images a step (dense)"
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Epochs without a better held-out likelihood before it stops (dense)"
    )
    C: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Cost of a violated margin (svm); cross-validated where not given"
    )
    gamma: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Width of the kernel (svm-rbf), where 1 is scikit-learn's 'scale'; "
        "cross-validated where not given",
    )
    neighbours: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="How many vote (knn); cross-validated where not given"
    )
    weights: NeighbourWeights | None = Field(
        None, description="What a vote counts (knn): distance (nearer counts more) or uniform"
    )


class JudgementConfig(Settings):
    """How the locked test set is reported."""

    resamples: int = Field(1000, ge=100, le=100_000, description="Bootstrap resamples")
    confidence: float = Field(0.95, gt=0.5, lt=1.0, description="Level of every interval")


class TrainConfig(Settings):
    """Everything ``headstart train`` can be told."""

    seed: int = Field(0, ge=0, description="Seed of splits, folds and resamples")
    data: DataConfig = DataConfig()
    backbone: BackboneConfig = BackboneConfig()
    engine: EngineConfig = EngineConfig()
    head: HeadConfig = HeadConfig()
    training: TrainingConfig = TrainingConfig()
    decision: DecisionConfig = DecisionConfig()
    judgement: JudgementConfig = JudgementConfig()

    @model_validator(mode="after")
    def _scratch_begins_with_nothing(self) -> Self:
        """Take random weights for the plan ``scratch``, unless some are named."""
        is_scratch = self.training.strategy == "scratch" and not self.training.phases
        if is_scratch and self.backbone.weights is None:
            backbone = self.backbone.model_copy(update={"weights": RANDOM_WEIGHTS})
            object.__setattr__(self, "backbone", backbone)  # frozen, but not finished yet
        return self
