"""Settings of fine-tuning: a plan is a list of phases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from headstart.config.augmentation import AugmentationConfig
from headstart.config.base import Settings
from headstart.config.durations import seconds

OptimiserName = Literal["sgd", "rmsprop", "adam", "adamw", "nadam", "adagrad", "adamax"]
ScheduleName = Literal["constant", "cosine", "one-cycle", "step", "plateau"]
Strategy = Literal["probe", "partial", "full", "scratch", "auto"]
Decay = Annotated[float, Field(ge=0, lt=1)]
Monitor = Literal["loss", "accuracy", "val_loss", "val_accuracy"]


class OptimiserConfig(Settings):
    """How weights follow their gradients. Parameters that an optimiser lacks are refused."""

    name: OptimiserName = Field("adamw", description="Optimiser")
    learning_rate: float = Field(1e-3, gt=0, description="Learning rate of the last layers")
    head_factor: float = Field(1.0, gt=0, description="Multiple of it for the head")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Multiple of it for each stage nearer to the input"
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled for AdamW, L2 for the others")
    head_weight_decay: Annotated[float, Field(ge=0)] | None = Field(
        None, description="The same for the head's weights; weight_decay where not given"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="Momentum of SGD and RMSprop"
    )
    nesterov: bool | None = Field(None, description="Nesterov's momentum (SGD)")
    betas: tuple[Decay, Decay] | None = Field(None, description="Decay of moments (Adam's family)")
    rho: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Decay of the squared gradient (RMSprop)"
    )
    epsilon: Annotated[float, Field(gt=0)] | None = Field(None, description="Added to denominators")
    amsgrad: bool | None = Field(
        None, description="Go by the largest second moment so far (Adam, AdamW)"
    )
    centered: bool | None = Field(
        None, description="Go by the variance of the gradient, not its square (RMSprop)"
    )
    initial_accumulator: Annotated[float, Field(ge=0)] | None = Field(
        None, description="What the sums of squared gradients start at (Adagrad)"
    )


class ScheduleConfig(Settings):
    """How the learning rate goes on."""

    name: ScheduleName = Field("constant", description="Course of the learning rate")
    warmup_epochs: float = Field(0.0, ge=0, description="Linear rise at the start")
    final_factor: float = Field(0.01, ge=0, le=1, description="Last rate, as a share (cosine)")
    peak_share: float = Field(0.3, gt=0, lt=1, description="Share of steps that rise (one-cycle)")
    step_epochs: int = Field(10, ge=1, description="Epochs between falls (step)")
    factor: float = Field(0.1, gt=0, lt=1, description="Of each fall (step, plateau)")
    patience: int = Field(3, ge=0, description="Epochs without progress before a fall (plateau)")


class EarlyStoppingConfig(Settings):
    """When to stop before the last epoch."""

    monitor: Monitor = Field("val_loss", description="Figure that has to improve")
    mode: Literal["auto", "min", "max"] = Field("auto", description="Which way is better")
    min_delta: float = Field(0.0, ge=0, description="Least change that counts")
    patience: int = Field(3, ge=0, description="Epochs without progress that are waited for")
    restore_best: bool = Field(True, description="Go back to the best epoch's weights")


class LossConfig(Settings):
    """What is minimised: cross-entropy, and changes to it."""

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share spread over all classes")
    focal_gamma: float = Field(0.0, ge=0, description="Focus on hard images (Lin et al., 2017)")
    class_weight: Literal["balanced"] | None = Field(
        None, description="'balanced' counts every class the same"
    )


class PhaseConfig(Settings):
    """One stretch of training: what is trained, how, how long."""

    train: str = Field(
        "all",
        description="What is trained: head, all, 'last 280 of 780 layers', 'from layer 94', "
        "'last 2 stages', a share such as 0.3, or a glob of parameter names",
    )
    epochs: int = Field(5, ge=1, description="Passes over the training images at most")
    batch_size: int = Field(32, ge=1, description="Images a step")
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    loss: LossConfig = LossConfig()
    early_stopping: EarlyStoppingConfig | None = Field(None, description="When to stop early")
    batch_norm: Literal["frozen", "train"] = Field(
        "frozen", description="Whether batch norms use the statistics of each batch"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Before the head")
    sampling: Literal["shuffled", "balanced"] = Field(
        "shuffled", description="'balanced' draws every class equally often"
    )
    mixup: float = Field(0.0, ge=0, description="Beta parameter of mixup; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="Beta parameter of cutmix; 0 is off")
    clip_norm: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Longest gradient; longer ones are shortened"
    )
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Decay of a moving average of the weights, which is then judged"
    )

    @field_validator("train", mode="before")
    @classmethod
    def _a_share_is_a_number(cls, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(float(value)) if is_number else value  # type: ignore[arg-type]


class TrainingConfig(Settings):
    """Whether and how the backbone itself is trained."""

    strategy: Strategy = Field(
        "probe",
        description="Trained: the head (probe), more (partial, full, scratch), or what the "
        "budget allows and the images need (auto)",
    )
    budget: str = Field(
        "10m",
        description="Time that the whole run may take with strategy auto, such as 90s, 10m, 2h",
    )
    phases: tuple[PhaseConfig, ...] = Field((), description="An explicit plan, instead")
    epochs: int | None = Field(None, ge=1, description="Epochs of every phase, not its plan's")
    batch_size: int | None = Field(None, ge=1, description="Images a step, in every phase")
    learning_rate: float | None = Field(None, gt=0, description="Learning rate of every phase")
    augmentation: AugmentationConfig = AugmentationConfig()
    arithmetic: Literal["auto", "f32", "bf16", "bf16-fast", "f16"] = Field(
        "auto", description="How steps are computed: what measures fastest (auto), or always one"
    )
    checkpoint_minutes: float = Field(5.0, gt=0, description="Longest time between checkpoints")
    trunk_cache_gb: float = Field(
        4.0, ge=0, description="Disk for activations below the frozen boundary; 0 is off"
    )
    trunk_views: int = Field(4, ge=1, le=64, description="Augmented views kept of each image")

    @field_validator("budget")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        seconds(value)
        return value
