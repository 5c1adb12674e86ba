"""``headstart evaluate``: how good a bundle is on labelled images it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from headstart.config import JudgementConfig, cache_dir
from headstart.data.audit import check_rejected
from headstart.data.digest import Digesting
from headstart.data.manifest import SPLITS, Manifest, Rejected, Split
from headstart.data.sources import open_source
from headstart.errors import DataError, close_names, listed
from headstart.evaluation import Judgement, judge
from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.decision import UNKNOWN, Decided
from headstart.evaluation.decision_figures import DecisionFigures, judge_decision
from headstart.evaluation.left_out import WithoutClasses
from headstart.files import write_csv, write_json
from headstart.progress import Progress, Silent
from headstart.serving.predictor import Prediction, Predictor, load
from headstart.workflows.class_choice import judged_without, named_classes
from headstart.workflows.deciding import ByClass, DecisionChanges, predict_deciding
from headstart.workflows.environment import describe_environment
from headstart.workflows.predict import table_header, table_rows
from headstart.workflows.run_directory import RunDirectory, refuse_existing
from headstart.workflows.scores import write_risk_coverage, write_scores
from headstart.workflows.trait_table import measure_traits

_FACTS = 4
"""Columns of a prediction between its path and its probabilities."""


@dataclass(frozen=True)
class EvaluateResult:
    """What a bundle is worth on some images.

    Attributes:
        judgement: Figures with intervals.
        rejected: Files that could not be read, and so count nowhere.
        images: Split -> number of images judged, where the data has splits.
        folder: Where the tables were written, if anywhere.
        without: Figures without some classes, if that was asked for.
        decision: What leaving out unsure answers, and costs, come to; ``None`` where the
            bundle and the caller ask for neither.
    """

    judgement: Judgement
    rejected: tuple[Rejected, ...]
    images: Mapping[str, int]
    folder: Path | None
    without: WithoutClasses | None = None
    decision: DecisionFigures | None = None


def evaluate(
    bundle: str | Path | Predictor,
    data: str | Path,
    *,
    split: Split | None = None,
    without: Sequence[str] = (),
    out: str | Path | None = None,
    allow_bad: bool = False,
    seed: int = 0,
    priors: ByClass | None = None,
    costs: ByClass | None = None,
    answer_all: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> EvaluateResult:
    """Judge a bundle on labelled images.

    Args:
        bundle: Bundle folder, run directory, or a loaded predictor.
        data: Folder, archive or table of labelled images.
        split: Judge only this split of the data; all of it where not given.
        without: Classes to give a second set of figures without: their images left out,
            and the answers as they are or among the other classes only.
        out: Folder for ``metrics.json``, ``predictions.csv``, ``per_class.csv``,
            ``confusion.csv``, ``risk_coverage.csv``, ``image_traits.csv`` and
            ``environment.json``; must not exist yet.
        allow_bad: Go on with more than 1 % bad files.
        seed: Seed of the bootstrap.
        priors: Shares of the classes to go by; see :func:`headstart.predict`. The labels of
            the data have no part in an estimate.
        costs: What mistakes cost, alike.
        answer_all: Leave the bundle's threshold out.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Raises:
        DataError: The data has labels the bundle does not know, or nothing to judge.
        UnknownNameError: ``without`` names no class.
        HeadstartError: The bundle cannot be used.
    """
    if out is not None:
        refuse_existing(Path(out))
    predictor = bundle if isinstance(bundle, Predictor) else load(bundle)
    classes = predictor.bundle.info.classes
    left_out = named_classes(without, classes)
    manifest = _rows(open_source(data, cache=cache_dir(cache), min_classes=1), split)
    digests = Digesting(manifest.container)
    manifest = replace(manifest, container=digests)
    _refuse_unknown_labels(manifest, predictor)
    heard = progress or Silent()

    def stream(chosen: Predictor) -> Iterator[Prediction]:
        answers = chosen.stream(manifest)
        yield from heard.track(answers, total=len(manifest), task="evaluating", unit="images")

    changes = DecisionChanges(priors, costs, answer_all)
    predictor, predictions = predict_deciding(predictor, changes, stream, heard)
    rejected = tuple(Rejected(p.path, p.error) for p in predictions if p.status == "error")
    sound = [row for row, p in enumerate(predictions) if p.status != "error"]
    kept = manifest.take(sound)
    check_rejected(rejected, manifest.class_counts(), kept.class_counts(), allow_bad=allow_bad)
    resampling = Resampling(JudgementConfig().resamples, seed)
    answered = [predictions[row] for row in sound]
    judgement, figures = _judge(predictor, answered, kept, resampling)
    without_figures = judged_without(
        np.stack([answer.probabilities for answer in answered]).astype(np.float64),
        kept.label_indices(classes),
        classes=classes,
        without=left_out,
        resamples=resampling.resamples,
        seed=seed,
    )
    folder = Path(out) if out is not None else None
    result = EvaluateResult(
        judgement, rejected, _split_counts(kept), folder, without_figures, figures
    )
    if folder is not None:
        answers = _Answers(manifest, predictions, predictor, digests, sound)
        own = {"bundle": str(predictor.bundle.folder.absolute())}
        _write(result, answers, {**describe_environment(data), **own})
    return result


def _judge(
    predictor: Predictor, predictions: Sequence[Prediction], kept: Manifest, how: Resampling
) -> tuple[Judgement, DecisionFigures | None]:
    """Judge what was said of readable images, and what a decision came to."""
    classes = predictor.bundle.info.classes
    position = {name: index for index, name in enumerate(classes)}
    answers = np.stack([p.probabilities for p in predictions]).astype(np.float64)
    said = np.array([position[p.label] for p in predictions])
    targets, rule = kept.label_indices(classes), predictor.rule
    judgement = judge(
        answers, targets, classes=classes, resamples=how.resamples, seed=how.seed, said=said
    )
    if rule.is_plain:
        return judgement, None
    decided = Decided(
        probabilities=answers,
        labels=said,
        confidence=np.array([p.confidence for p in predictions]),
        unknown=np.array([p.status == UNKNOWN for p in predictions]),
    )
    return judgement, judge_decision(rule, decided, targets, classes=classes, resampling=how)


def _rows(manifest: Manifest, split: Split | None) -> Manifest:
    if split is None:
        return manifest
    rows = manifest.rows_in(split)
    if not len(rows):
        found = {str(s) for s in manifest.splits if s} or {"no splits"}
        raise DataError(f"the data has no {split!r} images: it has {listed(sorted(found))}")
    return manifest.take(rows)


def _split_counts(manifest: Manifest) -> dict[str, int]:
    counts = {split: len(manifest.rows_in(split)) for split in SPLITS}
    return {split: count for split, count in counts.items() if count}


def _refuse_unknown_labels(manifest: Manifest, predictor: Predictor) -> None:
    known = predictor.bundle.info.classes
    unknown = [name for name in manifest.classes if name not in known]
    if not unknown:
        return
    hints = [
        f"{name} (did you mean {close[0]}?)" if (close := close_names(name, known)) else name
        for name in unknown
    ]
    raise DataError(
        f"the bundle does not know {len(unknown)} of the labels: {listed(hints)}; "
        f"it knows {listed(known)}"
    )


def _write(result: EvaluateResult, answers: _Answers, environment: Mapping[str, object]) -> None:
    assert result.folder is not None
    with RunDirectory(result.folder) as run:
        metrics = {"schema": 1, "test": result.judgement.to_json(), "images": dict(result.images)}
        if result.without is not None:
            metrics["without"] = result.without.to_json()
        if result.decision is not None:
            metrics["decision"] = {"test": result.decision.to_json()}
        write_json(run.path / "metrics.json", metrics)
        write_json(run.path / "environment.json", environment)
        write_scores(run.path, result.judgement, answers.predictor.bundle.info.classes)
        write_risk_coverage(run.path, result.judgement.risk_coverage)
        write_csv(run.path / "predictions.csv", answers.header(), answers.rows())
        kept = answers.manifest.take(answers.sound)
        max_pixels = answers.predictor.bundle.info.max_pixels
        measure_traits(kept, max_pixels=max_pixels).write(run.path, kept.paths)


@dataclass(frozen=True)
class _Answers:
    """Every image's answer, beside its label and the digest of what was read."""

    manifest: Manifest
    predictions: Sequence[Prediction]
    predictor: Predictor
    digests: Digesting
    sound: Sequence[int]

    def header(self) -> list[str]:
        path, *others = table_header(self.predictor, top_k=1, probabilities=True)
        return [path, "true_label", *others[:_FACTS], "digest", *others[_FACTS:]]

    def rows(self) -> Iterator[list[object]]:
        rows = table_rows(self.predictions, self.predictor, top_k=1, probabilities=True)
        for label, (path, *others) in zip(self.manifest.labels, rows, strict=True):
            digest = self.digests.of(path)
            yield [path, label, *others[:_FACTS], digest, *others[_FACTS:]]
