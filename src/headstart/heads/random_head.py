"""A head that knows nothing yet: where a network is trained from scratch, so is its head."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from headstart.backbones.layout import FeatureLayout
from headstart.config import HeadConfig
from headstart.errors import ConfigError
from headstart.heads.dense import DenseHead
from headstart.heads.linear import LinearHead
from headstart.heads.presets import DenseSettings, LinearSettings, resolve_settings, taps_wanted

_TAPS = "final"


def random_head(
    config: HeadConfig, layout: FeatureLayout, classes: tuple[str, ...], *, seed: int
) -> LinearHead | DenseHead:
    """Return the head that a configuration names, with random weights as Keras draws them.

    Weights are uniform (Glorot and Bengio, 2010, understanding the difficulty of training
    deep feedforward neural networks), biases 0. It takes the last activation where no taps
    are given.

    Args:
        config: Which head.
        layout: What the network gives.
        classes: What it tells apart.
        seed: Of the weights.

    Raises:
        ConfigError: Heads of this kind are not trained by gradients.
        UnknownNameError: No such head or tap set.
    """
    settings = resolve_settings(config)
    if not isinstance(settings, LinearSettings | DenseSettings):
        raise ConfigError(
            f"head {config.name!r} has no gradient to train a network by: "
            "choose linear or a dense head"
        )
    wanted = taps_wanted(config)
    taps = _TAPS if wanted == "auto" else wanted
    outputs = layout.outputs_of(taps)
    hidden = settings.widths if isinstance(settings, DenseSettings) else ()
    draws = np.random.default_rng(seed)
    sizes = (len(layout.columns(outputs)), *hidden, len(classes))
    weights = tuple(_glorot(draws, above, below) for above, below in pairwise(sizes))
    biases = tuple(np.zeros(size, np.float32) for size in sizes[1:])
    if isinstance(settings, LinearSettings):
        return LinearHead(classes, taps, outputs, weights[0], biases[0], 1.0)
    return DenseHead(classes, taps, outputs, weights, biases, settings.activation, 1.0)


def _glorot(draws: np.random.Generator, inputs: int, outputs: int) -> npt.NDArray[np.float32]:
    reach = (6 / (inputs + outputs)) ** 0.5
    return draws.uniform(-reach, reach, (inputs, outputs)).astype(np.float32)
