"""What a comparison found, as values, JSON and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.evaluation import verdicts
from headstart.evaluation.contest import Contest, Standing
from headstart.evaluation.intervals import Estimate
from headstart.evaluation.pairs import ClassDifference, Pair

SCHEMA = 1
Table = tuple[list[str], list[list[object]]]
"""A header, and rows."""


@dataclass(frozen=True)
class CompareResult:
    """Classifiers compared on the same images.

    Attributes:
        contest: Every figure, every pair, everyone's answers.
        images: Name of each image, N of them; empty where plain arrays were compared.
        digests: Digest of each one's content, where all runs recorded it.
        places: Name -> where the answers came from, if from disk.
        notes: What was left out, and what else is worth knowing.
        page: The HTML page, if one was asked for.
    """

    contest: Contest
    images: tuple[str, ...] = ()
    digests: tuple[str, ...] | None = None
    places: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    page: Path | None = None

    @property
    def n(self) -> int:
        """How many images all were compared on."""
        return self.contest.n

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Everyone, the best first."""
        return self.contest.standings

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two, the better placed one first."""
        return self.contest.pairs

    def pair(self, one: str, other: str) -> Pair:
        """Return the comparison of two. See :meth:`Contest.pair`."""
        return self.contest.pair(one, other)

    @property
    def headline(self) -> str:
        """Who is best, in a sentence."""
        return verdicts.headline(self.contest)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "schema": SCHEMA,
            "n": self.n,
            "confidence": self.contest.confidence,
            "classes": list(self.contest.classes),
            "headline": self.headline,
            "notes": list(self.notes),
            "standings": [self._standing_json(it) for it in self.standings],
            "pairs": [_pair_json(pair) for pair in self.pairs],
        }

    def table(self) -> Table:
        """Return every pair as a row."""
        rows = [_flat(pair) for pair in self.pairs]
        return list(rows[0]), [list(row.values()) for row in rows]

    def class_table(self) -> Table:
        """Return every class of every pair as a row."""
        header = ["first", "second", "class", "support", "only_first", "only_second", "p_value"]
        header += [f"{metric}{end}" for metric in ("recall", "f1") for end in _ENDS]
        return header, [_class_row(pair, it) for pair in self.pairs for it in pair.classes]

    def image_table(self) -> Table:
        """Return every image as a row: what it is, what each classifier called it."""
        names = [standing.name for standing in self.standings]
        said = [self.contest.predictions[name].tolist() for name in names]
        classes = self.contest.classes
        header = ["path", "true_label", *names, "right"]
        return header, [
            [
                self.image(row),
                classes[true],
                *(classes[one[row]] for one in said),
                sum(one[row] == true for one in said),
            ]
            for row, true in enumerate(self.contest.targets.tolist())
        ]

    def image(self, row: int) -> str:
        """Return the name of an image; its number, where images have no names."""
        return self.images[row] if self.images else str(row)

    def _standing_json(self, it: Standing) -> dict[str, Any]:
        return {
            "place": it.place,
            "name": it.name,
            "from": (self.places or {}).get(it.name),
            "accuracy": it.accuracy.to_json(),
            "f1_macro": it.f1_macro.to_json(),
            "nll": it.nll,
            "only": [self.image(int(row)) for row in self.contest.only(it.name)],
        }


_ENDS = ("", "_low", "_high")


def _pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "verdict": verdicts.verdict(pair),
        "better": pair.better,
        "p_value": pair.test.p_value,
        "p_value_holm": pair.p_value,
        "both_right": pair.both_right,
        "only_first": pair.test.only_first,
        "only_second": pair.test.only_second,
        "both_wrong": pair.both_wrong,
        "accuracy": pair.accuracy.to_json(),
        "accuracy_bootstrap": pair.accuracy_bootstrap.to_json(),
        "f1_macro": pair.f1_macro.to_json(),
        "nll": None if pair.nll is None else pair.nll.to_json(),
        "agreement": pair.agreement.share.to_json(),
        "kappa": pair.agreement.kappa,
        "detectable": pair.detectable,
        "images_needed": pair.needed,
        "classes": [
            {
                "name": it.name,
                "support": it.support,
                "only_first": it.only_first,
                "only_second": it.only_second,
                "recall": it.recall.to_json(),
                "f1": it.f1.to_json(),
                "p_value_holm": it.p_value,
            }
            for it in pair.classes
        ],
    }


def _class_row(pair: Pair, it: ClassDifference) -> list[object]:
    counts = [it.support, it.only_first, it.only_second]
    return [
        *(pair.first, pair.second, it.name, *counts, f"{it.p_value:.6g}"),
        *_cells(it.recall),
        *_cells(it.f1),
    ]


def _flat(pair: Pair) -> dict[str, object]:
    """Return a pair as the cells of one row."""
    row = _pair_json(pair)
    del row["classes"]
    return dict(_spread(row))


def _spread(row: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key, value in row.items():
        if isinstance(value, dict):
            cells = (value["value"], value["low"], value["high"])
            yield from zip((f"{key}{end}" for end in _ENDS), map(_number, cells), strict=True)
        elif key == "nll":
            yield from ((f"{key}{end}", "") for end in _ENDS)
        else:
            yield key, _number(value) if isinstance(value, float) else value


def _cells(estimate: Estimate) -> list[str]:
    return [_number(value) for value in (estimate.value, estimate.low, estimate.high)]


def _number(value: float) -> str:
    return f"{value:.6g}"
