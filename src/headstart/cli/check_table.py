"""A check in lines of at most 100 characters."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headstart.evaluation import Estimate
    from headstart.selection.recognition import ClassAnswers
    from headstart.selection.strategy import Advice, Evidence
    from headstart.workflows.check_result import CheckResult

WIDTH: Final = 100
_CLASSES, _PICTURES, _NAME, _CELL = 40, 20, 28, 16


def check_lines(result: CheckResult) -> Iterator[str]:
    """Yield what a check found, for the terminal."""
    geometry = result.geometry
    yield (
        f"{result.source}: {result.sampled:,} of {result.images:,} images looked at through "
        f"{result.backbone}, {geometry.size_px} px, {geometry.mode}"
    )
    if result.answers:
        yield from _answers(result)
    if result.names is not None:
        yield from _wrapped(_names_text(result))
    if result.evidence is not None and result.advice is not None:
        yield from _evidence(result.evidence)
        yield from _advice(result.advice)
    yield from _remarks(result)


def _answers(result: CheckResult) -> Iterator[str]:
    yield ""
    yield "What the network calls them, in ImageNet's words; share of the images, mean confidence"
    width = min(18, max(len(found.name) for found in result.answers))
    for found in result.answers[:_CLASSES]:
        yield from _class_lines(found, width)
    if len(result.answers) > _CLASSES:
        yield f"  and {len(result.answers) - _CLASSES} more classes: see --json or --out"
    if result.pictures:
        yield ""
        yield from _pictures(result)


def _class_lines(found: ClassAnswers, width: int) -> Iterator[str]:
    head = f"  {_cut(found.name, width):<{width}}  "
    yield (
        f"{head}{_verdict(found).upper()}: first label {found.consistency:.0%}, "
        f"{found.spread:.1f} labels in effect, confidence {found.confidence:.2f}"
    )
    cells = [f"{_cut(it.label, _CELL)} {it.share:.0%} ({it.confidence:.2f})" for it in found.labels]
    yield from textwrap.wrap(
        ", ".join(cells), WIDTH, initial_indent=" " * len(head), subsequent_indent=" " * len(head)
    )


def _verdict(found: ClassAnswers) -> str:
    from headstart.selection.recognition import verdict

    return verdict(found)


def _pictures(result: CheckResult) -> Iterator[str]:
    for picture in result.pictures[:_PICTURES]:
        cells = ", ".join(f"{_cut(word, _CELL)} {share:.2f}" for word, share in picture.labels[:3])
        yield f"  {_cut(PurePosixPath(picture.path).name, _NAME):<{_NAME}}  {cells}"
    if len(result.pictures) > _PICTURES:
        yield f"  and {len(result.pictures) - _PICTURES:,} more images: see --json or --out"


def _names_text(result: CheckResult) -> str:
    names = result.names
    assert names is not None
    return (
        f"top-1 against {names.source}: {names.top1} on the {names.named:,} images that are "
        "called like an ImageNet category"
    )


def _evidence(evidence: Evidence) -> Iterator[str]:
    yield ""
    yield (
        f"Evidence ({evidence.sampled:,} images, cross-validated, 95 % intervals; "
        f"largest class alone {evidence.base:.3f})"
    )
    for name, estimate in _accuracies(evidence):
        yield f"  {name:<38}{estimate}"
    yield (
        f"  {'images to train on':<38}{evidence.images:,} in {evidence.classes} classes, "
        f"smallest {evidence.smallest:,}, largest {evidence.largest:,}"
    )


def _accuracies(evidence: Evidence) -> Iterator[tuple[str, Estimate]]:
    yield "nearest neighbours, final features", evidence.knn
    yield "linear head, final features", evidence.final
    if evidence.early is not None:
        yield "linear head, earlier features", evidence.early
        yield "linear head, both", evidence.every


def _advice(advice: Advice) -> Iterator[str]:
    from headstart.selection.strategy import placed

    for vote in advice.votes:
        side = "similar" if vote.similar else "different"
        yield (
            f"  {_cut(vote.sign.name, 44):<46}{vote.value:+.2f}   {side} "
            f"(similar from {vote.sign.least:+.2f})"
        )
    yield ""
    yield f"Advice: {advice.text}"
    yield from _wrapped(
        f"{placed(advice)} (rule: {advice.when}). {advice.reason}",
        indent="  ",
    )
    for caution in advice.cautions:
        yield from _wrapped(f"caution: {caution}")


def _remarks(result: CheckResult) -> Iterator[str]:
    yield ""
    if result.memory:
        yield from _wrapped(f"warning: {result.memory}")
    for finding in result.findings:
        yield from _wrapped(f"{finding.severity}: {finding.rule}: {finding.text}")
    for note in result.notes:
        yield from _wrapped(f"note: {note}")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_on_hyphens=False,
    )


def _cut(text: str, width: int) -> str:
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return shown if len(shown) <= width else shown[: width - 1] + "…"
