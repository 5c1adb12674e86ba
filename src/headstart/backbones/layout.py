"""How one feature vector is made up of pooled activations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.backbones.spec import CLASSIFIER_TAP, FINAL_TAP, FLAT
from headstart.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class FeatureBlock:
    """One pooled activation: ``channels`` numbers of one statistic of one tap."""

    tap: str
    statistic: str
    channels: int

    @property
    def output(self) -> str:
        """Name of the graph output that carries the block."""
        return f"{self.tap}/{self.statistic}"


@dataclass(frozen=True)
class FeatureLayout:
    """The blocks of a feature vector, in order; ``dim`` numbers in all."""

    blocks: tuple[FeatureBlock, ...]

    @property
    def dim(self) -> int:
        """Length of the whole vector."""
        return sum(block.channels for block in self.blocks)

    def columns(self, outputs: Iterable[str]) -> npt.NDArray[np.int64]:
        """Return the positions of some blocks' numbers, ascending."""
        wanted = set(outputs)
        masks = [np.full(block.channels, block.output in wanted) for block in self.blocks]
        return np.flatnonzero(np.concatenate(masks))

    def tap_sets(self) -> dict[str, tuple[str, ...]]:
        """Return the selections that a head may choose from: name -> graph outputs.

        ``final`` is what every transfer-learning tutorial uses: what the network's own
        classifier sees. ``early`` leaves the last layer out, which suits images unlike
        those the backbone was trained on. ``flat`` is the un-pooled final activation,
        where the graph was built to give it.
        """
        flat = [block for block in self.blocks if block.statistic == FLAT]
        pooled = [b for b in self.blocks if b.tap != CLASSIFIER_TAP and b.statistic != FLAT]
        final = [block for block in pooled if block.tap == FINAL_TAP]
        early = [block for block in pooled if block.tap != FINAL_TAP]
        seen = "pooled" if any(block.statistic == "pooled" for block in final) else "mean"
        sets = {
            FLAT: flat,
            "final": [block for block in final if block.statistic == seen],
            "early": early,
            "all": pooled,
        }
        return {name: tuple(b.output for b in blocks) for name, blocks in sets.items() if blocks}

    def outputs_of(self, taps: str) -> tuple[str, ...]:
        """Return the graph outputs of a tap set by its name.

        ``gap`` is the mean of the final activation, whatever the network's own classifier
        sees: what Keras calls ``GlobalAveragePooling2D`` on a network without its top.

        Raises:
            UnknownNameError: There is no such set.
        """
        means = [b.output for b in self.blocks if (b.tap, b.statistic) == (FINAL_TAP, "mean")]
        sets = self.tap_sets() | ({"gap": tuple(means)} if means else {})
        if taps not in sets:
            raise UnknownNameError("tap set", taps, [*sets, "auto"])
        return sets[taps]

    def to_json(self) -> list[list[str | int]]:
        """Return the blocks as plain lists."""
        return [[block.tap, block.statistic, block.channels] for block in self.blocks]

    @classmethod
    def from_json(cls, content: Iterable[tuple[str, str, int]]) -> FeatureLayout:
        """Rebuild a layout from :meth:`to_json`."""
        return cls(tuple(FeatureBlock(tap, statistic, n) for tap, statistic, n in content))


def has_logits(layout: FeatureLayout) -> bool:
    """Tell whether the network's own logits are among the blocks."""
    return any(block.tap == CLASSIFIER_TAP for block in layout.blocks)
