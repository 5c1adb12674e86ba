"""What a check found, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headstart.data.geometry import Geometry
from headstart.selection.memory import OwnNames
from headstart.selection.recognition import ClassAnswers
from headstart.selection.resolution import Finding
from headstart.selection.strategy import Advice, Evidence

SCHEMA = 1
UNLABELLED = "all images"
"""What the answers on images without labels are gathered under."""


@dataclass(frozen=True)
class PictureAnswer:
    """The network's likeliest labels for one image, with their probabilities."""

    path: str
    labels: tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What the network sees, and what follows from it.

    Attributes:
        source: What the user pointed at.
        backbone: The network.
        geometry: How images became squares.
        images: Images that could be looked at: those of the test split are not among them.
        sampled: Images that were.
        class_counts: Class -> images among ``images``; empty without labels.
        answers: What the network calls the images of each class; empty where it has no
            classifier of its own.
        pictures: What it calls each image, where there are no labels.
        names: How often it says what the data's own names say, if they say anything.
        memory: Why scores here may measure memory, or nothing.
        evidence: What a strategy is chosen by; ``None`` without labels.
        advice: The strategy; ``None`` without labels.
        findings: What there is to say on size and geometry.
        notes: What was decided or is worth knowing, a sentence each.
        timings_s: Step -> seconds.
        page: The HTML page, if one was asked for.
    """

    source: str
    backbone: str
    geometry: Geometry
    images: int
    sampled: int
    class_counts: Mapping[str, int]
    answers: tuple[ClassAnswers, ...]
    pictures: tuple[PictureAnswer, ...]
    names: OwnNames | None
    memory: str
    evidence: Evidence | None
    advice: Advice | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    timings_s: Mapping[str, float]
    page: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, every figure with its interval where it has one."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "backbone": self.backbone,
            "geometry": self.geometry.model_dump(mode="json"),
            "images": self.images,
            "sampled": self.sampled,
            "class_counts": dict(self.class_counts),
            "answers": [_answers(found) for found in self.answers],
            "pictures": [
                {"path": it.path, "labels": [_label(*label) for label in it.labels]}
                for it in self.pictures
            ],
            "names": asdict(self.names) if self.names else None,
            "memory": self.memory or None,
            "evidence": _evidence(self.evidence),
            "advice": _advice(self.advice),
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
            "timings_s": dict(self.timings_s),
        }


def _label(label: str, probability: float) -> dict[str, Any]:
    return {"label": label, "probability": round(probability, 4)}


def _answers(found: ClassAnswers) -> dict[str, Any]:
    return {
        "class": found.name,
        "images": found.images,
        "labels": [
            {
                "label": it.label,
                "share": round(it.share, 4),
                "confidence": round(it.confidence, 4),
            }
            for it in found.labels
        ],
        "consistency": round(found.consistency, 4),
        "confidence": round(found.confidence, 4),
        "effective_labels": round(found.spread, 2),
        "entropy": round(found.entropy, 4),
    }


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {**asdict(evidence), "tap_gap": evidence.tap_gap, "learnt": evidence.learnt}


def _advice(advice: Advice | None) -> dict[str, Any] | None:
    if advice is None:
        return None
    votes = [
        {
            "sign": vote.sign.name,
            "value": vote.value,
            "similar_from": vote.sign.least,
            "similar": vote.similar,
        }
        for vote in advice.votes
    ]
    return {
        "strategy": advice.strategy,
        "size": advice.size,
        "similarity": advice.similarity,
        "text": advice.text,
        "when": advice.when,
        "reason": advice.reason,
        "votes": votes,
        "cautions": list(advice.cautions),
    }
