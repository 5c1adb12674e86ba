"""``headstart learning-curve``: would more images help, and by how much?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from headstart.config import TrainConfig, build_config, cache_dir
from headstart.data.audit import check_rejected
from headstart.data.manifest import Manifest
from headstart.heads.fitting import check_head
from headstart.heads.probe import ProbeTask
from headstart.progress import Progress, Silent
from headstart.selection.curve_result import (
    CurveFacts,
    LearningCurve,
    class_growth,
    curve_laws,
    curve_points,
    half_of,
    last_step,
)
from headstart.selection.curve_sizes import check_sizes, choose_sizes
from headstart.selection.learning_curve import FOLDS, CurveAnswers, measure_curve
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.geometry_choice import GeometryChoice, choose_geometry
from headstart.workflows.preparation import PreparedData, fold_keys, prepare
from headstart.workflows.run_directory import refuse_existing
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.tuning_config import wants_tuning

_LOCKED: Final = (
    "{:,} test images were not looked at: every accuracy is of training and validation images "
    "that the head had not seen"
)
_HEAD_ONLY: Final = (
    "the curve is of the head on the pretrained network; fine-tuning the network, which the "
    "settings ask for, was not tried and may gain more from further images"
)


def learning_curve(
    data: str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    sizes: Sequence[int] | None = None,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> LearningCurve:
    """Measure accuracy against number of training images, and say what twice as many would bring.

    The frozen network passes over every image once. Then the configured head is fitted to
    nested, stratified draws of growing size, and judged on images held out of all of them.
    Test images are never looked at.

    Args:
        data: Folder, archive or table of labelled images.
        config: Settings that differ from the defaults.
        sizes: Numbers of training images to try; a geometric scale if not given.
        out: Where the page goes, ``FILE.html``; ``FILE.png`` for the plot alone, anything
            else for a folder with page, plot and tables. It must not exist yet.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Raises:
        DataError: Too few images for a curve.
        HeadstartError: Whatever else the user can mend.
    """
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    check_head(settings.head)
    if out is not None:
        refuse_existing(Path(out))
    job = _CurveJob(settings, cache_dir(cache), progress or Silent())
    curve = job.run(data, sizes)
    if out is not None:
        from headstart.workflows.learning_curve_output import write_curve

        write_curve(curve, Path(out))
    return curve


class _CurveJob:
    """One run of :func:`learning_curve`, step by step."""

    def __init__(self, config: TrainConfig, cache: Path, progress: Progress) -> None:
        self._config = config
        self._cache = cache
        self._progress = progress
        self._watch = Stopwatch()

    def run(self, data: str | Path, sizes: Sequence[int] | None) -> LearningCurve:
        with self._watch.step("audit"):
            prepared = self._prepare(data)
        _refuse_sizes(_pool(prepared)[0], sizes)
        self._featuriser = Featuriser(self._config, cache=self._cache, progress=self._progress)
        with self._watch.step("features"):
            task, choice, sound = self._featurise(prepared)
        with self._watch.step("heads"):
            answers = measure_curve(
                task,
                self._config.head,
                seed=self._config.seed,
                sizes=sizes,
                progress=self._progress,
            )
        curve = self._curve(str(data), task, answers, choice, sound)
        return replace(curve, timings_s=self._watch.seconds())

    def _prepare(self, data: str | Path) -> PreparedData:
        return prepare(
            data,
            self._config.data,
            seed=self._config.seed,
            cache=self._cache,
            progress=self._progress,
        )

    def _featurise(self, prepared: PreparedData) -> tuple[ProbeTask, GeometryChoice, PreparedData]:
        featuriser = self._featuriser
        _ = featuriser.weights  # a download draws its own bar
        with self._progress.wait("building the backbone"):
            check_head(self._config.head, featuriser.graph.layout)
        manifest, digests = _pool(prepared)
        choice = choose_geometry(manifest, digests, self._config, featuriser)
        self._progress.say(choice.words)
        featured = featuriser.featurise(manifest, digests, choice.geometry)
        rows = prepared.manifest.rows_in("train", "val").tolist()
        sound = prepared.without({rows[row]: bad for row, bad in featured.rejected.items()})
        check_rejected(
            sound.audit.rejected,
            prepared.counts,
            sound.manifest.class_counts(),
            allow_bad=self._config.data.allow_bad,
        )
        manifest, digests = _pool(sound)
        task = ProbeTask(
            features=featured.features,
            layout=featuriser.graph.layout,
            targets=manifest.label_indices(manifest.classes),
            groups=fold_keys(manifest, digests),
            classes=manifest.classes,
        )
        return task, choice, sound

    def _curve(
        self,
        source: str,
        task: ProbeTask,
        answers: CurveAnswers,
        choice: GeometryChoice,
        data: PreparedData,
    ) -> LearningCurve:
        facts = CurveFacts(task.targets, task.groups, task.classes)
        half = half_of(answers.sizes.tolist())
        return LearningCurve(
            source=source,
            backbone=self._featuriser.spec.name,
            head=self._config.head.name,
            geometry=choice.geometry.mode,
            images=len(task.targets),
            points=curve_points(answers),
            laws=curve_laws(answers, facts),
            half=half,
            last_step=last_step(answers, half),
            classes=class_growth(answers, facts, half),
            notes=self._notes(data),
            timings_s={},
        )

    def _notes(self, data: PreparedData) -> tuple[str, ...]:
        locked = len(data.manifest.rows_in("test"))
        tuned = (_HEAD_ONLY,) if wants_tuning(self._config) else ()
        return (_LOCKED.format(locked), *tuned, *data.notes, *self._featuriser.notes)


def _refuse_sizes(manifest: Manifest, sizes: Sequence[int] | None) -> None:
    """Refuse too few images, and sizes that they do not allow, before the network sees any."""
    largest, classes = len(manifest) * (FOLDS - 1) // FOLDS, len(manifest.classes)
    if sizes:
        check_sizes(sizes, largest, classes)
    else:
        choose_sizes(largest, classes)


def _pool(data: PreparedData) -> tuple[Manifest, list[str]]:
    """Return the images that choices may see, and their digests."""
    rows = data.manifest.rows_in("train", "val")
    return data.manifest.take(rows), [data.digests[row] for row in rows]
