"""Backbones in order of how well they suit some images, with what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from headstart.backbones.spec import BackboneSpec
from headstart.evaluation.comparison import PairedTest, holm, mcnemar
from headstart.selection.scoring import BackboneScores

DIFFERENT: Final = 0.05
"""Adjusted p-value below which a backbone counts as worse than the leader."""


@dataclass(frozen=True)
class Cost:
    """What a backbone costs.

    Attributes:
        seconds_an_image: Decoding and forward pass on this machine, all processors busy.
        parameters: Weights of the network, its own classifier included.
        bundle_bytes: Estimated size of a bundle: the weights that a head needs.
    """

    seconds_an_image: float
    parameters: int
    bundle_bytes: int


@dataclass(frozen=True)
class RankedBackbone:
    """One backbone that could be judged.

    Attributes:
        name: Canonical name.
        rank: 1 for the leader and all that cannot be told from it; position for the others.
        size_px: Side of the square it saw.
        published_top1: Its ImageNet accuracy in percent, from its publication.
        scores: On the sample.
        cost: On this machine.
        against_leader: Paired test of the leader against it; ``None`` for the leader.
        p_value: Of that test, adjusted for all comparisons; 1 for the leader.
    """

    name: str
    rank: int
    size_px: int
    published_top1: float | None
    scores: BackboneScores
    cost: Cost
    against_leader: PairedTest | None
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        test = self.against_leader
        scores = self.scores.to_json()
        del scores["right"]
        return {
            "backbone": self.name,
            "rank": self.rank,
            "size_px": self.size_px,
            "published_top1": self.published_top1,
            **scores,
            **vars(self.cost),
            "behind_leader": test.difference.to_json() if test else None,
            "p_value": self.p_value if test else None,
        }

    def cells(self) -> dict[str, object]:
        """Return it as one row of a table: column -> value."""
        flat: dict[str, object] = {}
        nothing = {"behind_leader": dict.fromkeys(("value", "low", "high"))}
        plain = self.to_json() if self.against_leader else {**self.to_json(), **nothing}
        for key, value in plain.items():
            if isinstance(value, dict):
                ends = {"value": "", "low": "_low", "high": "_high"}
                flat.update({key + ends[end]: number for end, number in value.items()})
            else:
                flat[key] = value
        return flat


@dataclass(frozen=True)
class FailedBackbone:
    """One backbone that could not be judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class RankResult:
    """Backbones by how well they suit some images, without fine-tuning.

    Attributes:
        source: What the user pointed at.
        images: Training and validation images there are.
        sampled: Images judged on.
        classes: Number of classes.
        base: Share of the largest class in the sample: what a constant answer scores.
        geometry: How images became squares.
        engine: What computed, and in which precision.
        ranked: Best first.
        failed: Those that could not be judged.
        notes: What was decided or is worth knowing.
        timings_s: Step -> seconds.
    """

    source: str
    images: int
    sampled: int
    classes: int
    base: float
    geometry: str
    engine: str
    ranked: tuple[RankedBackbone, ...]
    failed: tuple[FailedBackbone, ...]
    notes: tuple[str, ...]
    timings_s: Mapping[str, float]

    @property
    def leader(self) -> RankedBackbone:
        """The one with the highest cross-validated accuracy."""
        return self.ranked[0]

    @property
    def choice(self) -> RankedBackbone:
        """The fastest of those that cannot be told from the leader."""
        tied = [it for it in self.ranked if it.rank == 1]
        return min(tied, key=lambda it: it.cost.seconds_an_image)

    @property
    def tied(self) -> int:
        """How many share the first place."""
        return sum(it.rank == 1 for it in self.ranked)

    @property
    def why(self) -> str:
        """What speaks for :attr:`choice`, in a sentence."""
        if len(self.ranked) == 1:
            return "It is the only one that could be judged."
        if self.tied == 1:
            return "It is ahead of every other by more than chance would explain."
        if self.choice is self.leader:
            return (
                "It is the most accurate on these images, and the fastest of the "
                f"{self.tied} that they cannot tell apart."
            )
        share = self.choice.cost.seconds_an_image / self.leader.cost.seconds_an_image
        return (
            f"These images cannot tell it from {self.leader.name}, the most accurate on them "
            f"(p = {self.choice.p_value:.2f}), and it needs {share:.0%} of its time an image."
        )

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "schema": 1,
            **{key: value for key, value in vars(self).items() if key not in ("ranked", "failed")},
            "notes": list(self.notes),
            "timings_s": dict(self.timings_s),
            "choice": self.choice.name,
            "why": self.why,
            "ranked": [it.to_json() for it in self.ranked],
            "failed": [vars(it) for it in self.failed],
        }

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Return header and rows of a CSV file; one that failed has its reason and no figures."""
        rows = [it.cells() for it in self.ranked]
        header = list(dict.fromkeys(key for row in rows for key in row))
        header.append("failure")
        lost: list[dict[str, object]] = [
            {"backbone": it.name, "failure": it.reason} for it in self.failed
        ]
        return header, [[row.get(key, "") for key in header] for row in (*rows, *lost)]


@dataclass(frozen=True)
class Judged:
    """One backbone's figures before it has a place among the others."""

    spec: BackboneSpec
    size_px: int
    scores: BackboneScores
    cost: Cost


def rank_judged(judged: Sequence[Judged]) -> tuple[RankedBackbone, ...]:
    """Order backbones by cross-validated linear accuracy, and say which are tied.

    A backbone shares the first place where McNemar's exact test on the held-out
    predictions, adjusted by Holm for the number of comparisons, cannot tell it from the
    leader.
    """
    order = sorted(judged, key=lambda it: (-it.scores.linear.value, it.scores.nll))
    tests = [mcnemar(order[0].scores.right, other.scores.right) for other in order[1:]]
    p_values = holm([test.p_value for test in tests])
    places = np.arange(2, len(order) + 1)
    ranks = [1 if p >= DIFFERENT else int(place) for p, place in zip(p_values, places, strict=True)]
    return tuple(
        RankedBackbone(
            name=it.spec.name,
            rank=rank,
            size_px=it.size_px,
            published_top1=it.spec.top1,
            scores=it.scores,
            cost=it.cost,
            against_leader=test,
            p_value=p_value,
        )
        for it, rank, test, p_value in zip(
            order, (1, *ranks), (None, *tests), (1.0, *p_values), strict=True
        )
    )
