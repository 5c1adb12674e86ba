"""Heads by name: each a kind of classifier and the settings that make it this one.

A preset is one entry here. Everything it says can be set otherwise in the configuration
(``--set head.widths=[512]``), and a setting that its kind does not take is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias

from headstart.backbones.spec import FLAT
from headstart.config import HeadConfig
from headstart.config.schema import Activation, NeighbourWeights, Optimiser
from headstart.errors import ConfigError, UnknownNameError, listed

COMMON_SETTINGS: Final = frozenset(
    {"name", "taps", "class_weight", "folds", "cross_validate", "ensemble"}
)
"""What every head takes."""


@dataclass(frozen=True)
class LinearSettings:
    """The linear probe. ``None``: chosen by cross-validation."""

    strength: float | None = None


@dataclass(frozen=True)
class DenseSettings:
    """Fully connected layers, trained by gradient descent.

    Each hidden layer is a linear map, batch normalisation if wanted, the activation and
    dropout. Without hidden layers the dropout falls on the features.
    """

    widths: tuple[int, ...]
    dropout: float = 0.0
    batch_norm: bool = False
    activation: Activation = "relu"
    l2: float = 0.0
    optimiser: Optimiser = "adam"
    learning_rate: float = 1e-3
    epochs: int = 40
    batch_size: int = 64
    patience: int = 5

    @property
    def described(self) -> str:
        """The layers in words: ``"dense 1024-512, dropout 0.2"``."""
        layers = f"dense {'-'.join(map(str, self.widths))}" if self.widths else "softmax"
        norm = ", batch norm" if self.batch_norm else ""
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"{layers}{norm}{dropout}" + (f", L2 {self.l2:g}" if self.l2 else "")


@dataclass(frozen=True)
class SvmSettings:
    """Support vector machine, one class against the rest. ``None``: cross-validated."""

    kernel: Literal["linear", "rbf"]
    C: float | None = None


@dataclass(frozen=True)
class RbfSettings(SvmSettings):
    """With a Gaussian kernel, which has a width too."""

    gamma: float | None = None


@dataclass(frozen=True)
class KnnSettings:
    """Nearest neighbours by cosine. ``None``: chosen by cross-validation."""

    neighbours: int | None = None
    weights: NeighbourWeights = "distance"


HeadSettings: TypeAlias = LinearSettings | DenseSettings | SvmSettings | KnnSettings


@dataclass(frozen=True)
class HeadPreset:
    """One head by name.

    Attributes:
        name: As in ``--head NAME``.
        kind: Class of its settings.
        summary: What it is, in a line.
        settings: What it sets besides its kind's defaults.
        fixed: Settings that make the preset what it is and cannot be changed.
        taps: Tap set that ``auto`` means; ``"auto"`` where it is chosen by cross-validation.
    """

    name: str
    kind: type[LinearSettings | DenseSettings | SvmSettings | KnnSettings]
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    taps: str = "auto"


PRESETS: Final = (
    HeadPreset(
        "linear",
        LinearSettings,
        "logistic regression, penalty and taps chosen by cross-validation",
    ),
    HeadPreset(
        "gap",
        DenseSettings,
        "average-pooled features, dropout .2, softmax: the waste system's head",
        {"widths": (), "dropout": 0.2},
        taps="final",
    ),
    HeadPreset(
        "gap-1024",
        DenseSettings,
        "average-pooled features, one hidden layer of 1024",
        {"widths": (1024,)},
        taps="final",
    ),
    HeadPreset(
        "gap-1024-512",
        DenseSettings,
        "average-pooled features, hidden layers of 1024 and 512, dropout .2 after each: "
        "the Rakuten benchmark's head",
        {"widths": (1024, 512), "dropout": 0.2},
        taps="final",
    ),
    HeadPreset(
        "gap-128-256",
        DenseSettings,
        "average-pooled features, hidden layers of 128 and 256, dropout .2, L2 .001: "
        "the butterfly and leaf study's head",
        {"widths": (128, 256), "dropout": 0.2, "l2": 1e-3},
        taps="final",
    ),
    HeadPreset(
        "flatten-dense",
        DenseSettings,
        "the un-pooled final activation, one hidden layer of 256: the CINIC-10 study's head",
        {"widths": (256,), "learning_rate": 1e-4, "epochs": 15},
        taps=FLAT,
    ),
    HeadPreset(
        "flatten-dense-bn-dropout",
        DenseSettings,
        "the same with batch normalisation and dropout .5",
        {"widths": (256,), "learning_rate": 1e-4, "epochs": 15, "batch_norm": True, "dropout": 0.5},
        taps=FLAT,
    ),
    HeadPreset(
        "svm",
        SvmSettings,
        "linear support vector machine, C and taps chosen by cross-validation",
        fixed={"kernel": "linear"},
    ),
    HeadPreset(
        "svm-rbf",
        RbfSettings,
        "support vector machine with a Gaussian kernel; C, gamma and taps cross-validated",
        fixed={"kernel": "rbf"},
    ),
    HeadPreset(
        "knn",
        KnnSettings,
        "nearest neighbours by cosine; their number and taps chosen by cross-validation",
    ),
)
"""Every head there is, simplest first within its kind."""


def find_preset(name: str) -> HeadPreset:
    """Return a preset by its name, in any case.

    Raises:
        UnknownNameError: There is none; the message says what is close.

    >>> find_preset("GAP-1024").settings
    {'widths': (1024,)}
    """
    by_name = {preset.name: preset for preset in PRESETS}
    if name.lower() not in by_name:
        raise UnknownNameError("head", name, by_name)
    return by_name[name.lower()]


def resolve_settings(config: HeadConfig) -> HeadSettings:
    """Return the preset's settings with the configuration's own on top.

    Raises:
        UnknownNameError: No such head.
        ConfigError: A setting is given that this head does not take.

    >>> resolve_settings(HeadConfig(name="gap-1024", epochs=3)).epochs
    3
    """
    preset = find_preset(config.name)
    given = config.model_dump(exclude=set(COMMON_SETTINGS), exclude_none=True)
    takes = {item.name for item in fields(preset.kind)} - set(preset.fixed)
    strange = sorted(set(given) - takes)
    if strange:
        wrong = listed(f"head.{name}" for name in strange)
        allowed = listed(f"head.{name}" for name in sorted(takes | COMMON_SETTINGS))
        raise ConfigError(f"the head {preset.name} does not take {wrong}: it takes {allowed}")
    return preset.kind(**{**preset.settings, **given, **preset.fixed})


def head_settings(config: HeadConfig) -> dict[str, Any]:
    """Return everything that was settled before the head was fitted, as plain values."""
    return {
        name: value for name, value in asdict(resolve_settings(config)).items() if value is not None
    }


def taps_wanted(config: HeadConfig) -> str:
    """Return the tap set that a configuration means, or ``"auto"`` where it is to be chosen.

    Raises:
        UnknownNameError: No such head.
        ConfigError: Taps are given for a head that takes the un-pooled activation.
    """
    preset = find_preset(config.name)
    if config.taps == "auto":
        return preset.taps
    if preset.taps == FLAT:
        raise ConfigError(
            f"the head {preset.name} takes the un-pooled final activation, "
            f"not the taps {config.taps!r}: leave out --taps (head.taps), or choose another head"
        )
    return config.taps


def needs_flat(config: HeadConfig) -> bool:
    """Return whether the un-pooled final activation has to be computed and kept.

    Raises:
        UnknownNameError: No such head.
    """
    return find_preset(config.name).taps == FLAT


def has_gradient(config: HeadConfig) -> bool:
    """Return whether a network can be trained through the head.

    Raises:
        UnknownNameError: No such head.
    """
    return not issubclass(find_preset(config.name).kind, RbfSettings | KnnSettings)
