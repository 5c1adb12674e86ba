"""``headstart ensemble``: several finished runs, or views of one, joined if that wins."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from headstart.bundle import BundleInfo
from headstart.config import cache_dir
from headstart.errors import ConfigError, DataError
from headstart.evaluation import Judgement, judge
from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.calibration import fit_temperature, softmax
from headstart.evaluation.comparison import PairedTest, mcnemar
from headstart.evaluation.counts import Floats
from headstart.evaluation.decision import DecisionRule
from headstart.evaluation.pooling import (
    LEAST_PROBABILITY,
    METHODS,
    Method,
    Pool,
    PoolTrial,
    best_trial,
    fit_pool,
    try_pools,
)
from headstart.files import write_json
from headstart.progress import Progress, Silent
from headstart.workflows.answer_tables import LabelledAnswers, write_answers
from headstart.workflows.contest import Contest, hold_against
from headstart.workflows.ensemble_bundle import (
    TestImages,
    find_test_images,
    pool_json,
    shared_priors,
    write_joined,
)
from headstart.workflows.ensemble_members import (
    JoinedAnswers,
    Members,
    read_members,
)
from headstart.workflows.environment import describe_environment
from headstart.workflows.run_directory import RunDirectory, refuse_existing
from headstart.workflows.run_facts import SPLITS, resampling_of
from headstart.workflows.scores import write_risk_coverage, write_scores
from headstart.workflows.stored_run import METRICS, PREDICTIONS, VALIDATION
from headstart.workflows.view_members import ViewedRun, read_views

AUTO: Final = "auto"
_PLAIN: Final = 0
"""The first of several views."""


@dataclass(frozen=True)
class EnsembleResult:
    """Several runs held against the best of them, or views against the plain one.

    Attributes:
        folder: Where it was written; ``None``: it did not win, and nothing was.
        members: Names of the runs or views.
        best: The member that it is held against: of runs the best on held-out answers, of
            views the plain one, which is what there is without it.
        pool: How the members' answers become one.
        trials: Every way of joining that was tried on held-out answers.
        contest: The ensemble, cross-validated, against that member on these.
        test: Its figures on the locked test split; ``None`` where nothing was written.
        gain: It against that member there, image by image; ``None`` likewise.
        bundle: What was written; ``None`` likewise.
        notes: What is worth saying.
        viewed: Whether the members are views of one run.
    """

    folder: Path | None
    members: tuple[str, ...]
    best: str
    pool: Pool
    trials: tuple[PoolTrial, ...]
    contest: Contest
    test: Judgement | None
    gain: PairedTest | None
    bundle: BundleInfo | None
    notes: tuple[str, ...]
    viewed: bool = False

    @property
    def rival(self) -> str:
        """What it is held against, in words."""
        return "the run as it is" if self.viewed else f"its best member, {self.best}"

    @property
    def won(self) -> bool:
        """Whether it is better on held-out answers than chance explains."""
        return self.contest.wins


@dataclass(frozen=True)
class _Plan:
    """What held-out answers decided."""

    members: Members
    best: int
    pool: Pool
    trials: tuple[PoolTrial, ...]
    scores: Floats
    contest: Contest
    resampling: Resampling
    notes: tuple[str, ...]


def ensemble(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    method: str = AUTO,
    anyway: bool = False,
    data: str | Path | None = None,
    views: Sequence[str] = (),
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> EnsembleResult:
    """Join finished runs over the same data into one bundle, if that is better.

    How they are joined is chosen by cross-validation on the answers that the runs gave on
    held-out images, and there it has to beat the best single run. The test split is looked
    at once, after that, and only if the ensemble is kept.

    Args:
        runs: Folders of runs, two or more; one with ``views``.
        out: Folder of the ensemble, laid out as a run; it must not exist yet.
        method: ``"average"``, ``"weighted"``, ``"stacked"``, or ``"auto"``: the average
            unless another is likelier by more than chance explains.
        anyway: Write it even where it does not win.
        data: The images; where the first run had them from if not given. Some test images
            are run through the joined graph.
        views: Of one run: other looks at its squares, such as ``"mirror"``, ``"corners"``,
            ``"zoom:0.75"`` (:func:`headstart.export.views.find_views`), whose answers join
            the plain one's. Its validation images tell whether that beats the run as it is.
        cache: Cache folder.
        progress: Who is told.

    Raises:
        ConfigError: ``out`` exists, there is no such method, or fewer than two runs.
        DataError: The runs do not belong together, or the images are gone.
        BundleError: The joined graph does not answer as its members do.
    """
    if method not in (AUTO, *METHODS):
        raise ConfigError(
            f"there is no method {method!r}: expected one of {', '.join((AUTO, *METHODS))}"
        )
    refuse_existing(Path(out))
    heard, kept = progress or Silent(), cache_dir(cache)
    viewed = _viewed(runs, views, data, kept, heard) if views else None
    plan = _plan(viewed.members() if viewed else read_members(runs), method)
    if not (plan.contest.wins or anyway):
        return _result(plan)
    if viewed:
        plan = replace(plan, members=replace(plan.members, test=viewed.test_answers()))
    place = data or plan.members.runs[0].data
    if not place:
        raise DataError("these runs do not say where their images are: give --data")
    images = find_test_images(place, plan.members.test, kept)
    with heard.wait("joining the graphs"):
        return _written(plan, Path(out), images, place)


def _viewed(
    runs: Sequence[str | Path],
    views: Sequence[str],
    data: str | Path | None,
    cache: Path,
    progress: Progress,
) -> ViewedRun:
    if len(runs) != 1:
        raise ConfigError(f"views are of one run: {len(runs)} are given; join them afterwards")
    return read_views(runs[0], views, data=data, cache=cache, progress=progress)


def _plan(members: Members, method: str) -> _Plan:
    known, resampling = members.held_out, resampling_of(members.runs[0].config)
    trials = try_pools(known.answers, known.targets, seed=resampling.seed)
    wished: dict[str, Method] = {name: name for name in METHODS}
    chosen = trials[wished[method]] if method in wished else best_trial(trials)
    best = _PLAIN if members.views else _best(known)
    alone = np.log(np.maximum(known.answers[best], LEAST_PROBABILITY))
    return _Plan(
        members=members,
        best=best,
        pool=fit_pool(chosen.method, known.answers, known.targets),
        trials=tuple(trials.values()),
        scores=chosen.scores,
        contest=hold_against(chosen.scores, alone, known.targets),
        resampling=resampling,
        notes=_notes(members),
    )


def _best(known: JoinedAnswers) -> int:
    """Return the member that is right most often; of several, the likeliest."""
    right = (known.answers.argmax(axis=2) == known.targets).mean(axis=1)
    rows = np.arange(len(known.targets))
    true = np.maximum(known.answers[:, rows, known.targets], LEAST_PROBABILITY)
    return int(np.lexsort((np.log(true).mean(axis=1), right))[-1])


def _notes(members: Members) -> tuple[str, ...]:
    n = len(members.held_out.targets)
    notes = [
        f"joined by the answers to {n:,} images that every member gave while they were held out"
    ]
    if len({bundle.info.geometry.size_px for bundle in members.bundles}) > 1:
        notes.append("members take squares of different sizes: they are resized in the graph")
    if any(bundle.info.decision for bundle in members.bundles):
        notes.append("decisions of the members are left out: 'headstart decide' makes one")
    own = [bundle.info.training_priors for bundle in members.bundles]
    if all(own) and shared_priors(members.bundles) is None:
        notes.append("members go by different shares of the classes: other priors cannot be set")
    return tuple(notes)


def _judged(plan: _Plan, answers: JoinedAnswers, scores: Floats, temperature: float) -> Judgement:
    return judge(
        softmax(scores, temperature),
        answers.targets,
        classes=plan.members.classes,
        resamples=plan.resampling.resamples,
        seed=plan.resampling.seed,
        confidence=plan.resampling.confidence,
        uncalibrated=softmax(scores),
    )


def _written(plan: _Plan, out: Path, images: TestImages, data: str | Path) -> EnsembleResult:
    """Look at the test split, and write everything."""
    members, test = plan.members, plan.members.test
    scores = plan.pool.scores(test.answers)
    judgement = _judged(plan, test, scores, plan.pool.temperature)
    right = [it.argmax(axis=1) == test.targets for it in (scores, test.answers[plan.best])]
    gain = mcnemar(right[0], right[1], confidence=plan.resampling.confidence)
    with RunDirectory(out) as run:
        bundle = write_joined(run.path / "bundle", members, plan.pool, images, judgement.to_json())
        result = _result(plan, out, judgement, gain, bundle)
        _write_tables(run.path, plan, result, data)
    return result


def _result(
    plan: _Plan,
    folder: Path | None = None,
    test: Judgement | None = None,
    gain: PairedTest | None = None,
    bundle: BundleInfo | None = None,
) -> EnsembleResult:
    return EnsembleResult(
        folder=folder,
        members=plan.members.names,
        best=plan.members.names[plan.best],
        pool=plan.pool,
        trials=plan.trials,
        contest=plan.contest,
        test=test,
        gain=gain,
        bundle=bundle,
        notes=plan.notes,
        viewed=bool(plan.members.views),
    )


def _write_tables(folder: Path, plan: _Plan, result: EnsembleResult, data: str | Path) -> None:
    assert result.test is not None
    known, test = plan.members.held_out, plan.members.test
    temperature = fit_temperature(plan.scores, known.targets)
    held_out = _judged(plan, known, plan.scores, temperature)
    write_json(folder / METRICS, _metrics(plan, result, held_out))
    write_json(folder / "environment.json", describe_environment(data))
    shutil.copyfile(plan.members.runs[0].folder / SPLITS, folder / SPLITS)
    write_scores(folder, result.test, plan.members.classes)
    write_risk_coverage(folder, result.test.risk_coverage)
    classes = plan.members.classes
    write_answers(
        folder / PREDICTIONS, _table(test, plan.pool.probabilities(test.answers), classes)
    )
    write_answers(folder / VALIDATION, _table(known, softmax(plan.scores, temperature), classes))


def _metrics(plan: _Plan, result: EnsembleResult, held_out: Judgement) -> dict[str, object]:
    assert result.test is not None
    assert result.bundle is not None
    return {
        "schema": 1,
        "test": result.test.to_json(),
        "validation": held_out.to_json(),
        "confidence": plan.resampling.confidence,
        "temperature": plan.pool.temperature,
        "parity": [parity.model_dump() for parity in result.bundle.parity],
        "notes": [*plan.notes, result.contest.figures],
        "ensemble": {
            "members": [str(run.folder.absolute()) for run in plan.members.runs],
            "best": result.best,
            "won": result.won,
            **pool_json(plan.members, plan.pool),
            "nll": {trial.method: trial.nll for trial in plan.trials},
        },
    }


def _table(answers: JoinedAnswers, shares: Floats, classes: Sequence[str]) -> LabelledAnswers:
    return LabelledAnswers(
        paths=answers.paths,
        labels=answers.labels,
        digests=answers.digests,
        classes=classes,
        decided=DecisionRule().apply(shares),
    )
