"""``headstart train``: images in; judged, deployable classifier out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import numpy.typing as npt

import headstart
from headstart.bundle import BundleInfo, Parity, Provenance
from headstart.config import TrainConfig, build_config, cache_dir
from headstart.data.audit import check_rejected
from headstart.data.geometry import Geometry
from headstart.data.manifest import Rejected, Split
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.pipeline import ImagePipeline
from headstart.errors import DataError
from headstart.evaluation import Judgement, judge
from headstart.evaluation.calibration import softmax
from headstart.export.bundling import (
    BundleFacts,
    check_parity,
    measure_parity,
    write_graph,
    write_info,
)
from headstart.features.table import StoredFeatures
from headstart.heads.fitting import check_head, fit_head
from headstart.heads.folds import Indices
from headstart.heads.presets import head_settings
from headstart.heads.probe import ProbeFit, ProbeTask
from headstart.progress import Progress, Silent
from headstart.reporting import write_plots
from headstart.workflows.environment import describe_environment
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.fine_tuning import (
    TuningData,
    TuningJob,
    check_tuning,
    wants_tuning,
    write_epochs,
)
from headstart.workflows.geometry_choice import GeometryChoice, choose_geometry
from headstart.workflows.preparation import PreparedData, data_digest, fold_keys, prepare
from headstart.workflows.recording import RunRecord, write_record
from headstart.workflows.run_directory import RunDirectory, free_name
from headstart.workflows.size_notes import size_notes
from headstart.workflows.stopwatch import Stopwatch

_PARITY_IMAGES = 64
_F32_IMAGES = 16

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes:
        folder: The run's directory.
        test: Judgement of the locked test split.
        validation: Judgement of out-of-fold predictions on train and val.
        notes: What the run decided or found worth saying.
        timings_s: Step -> seconds.
    """

    folder: Path
    test: Judgement
    validation: Judgement
    notes: tuple[str, ...]
    timings_s: Mapping[str, float]

    @property
    def bundle(self) -> Path:
        """The deployable model."""
        return self.folder / "bundle"

    @property
    def report(self) -> Path:
        """The report to look at."""
        return self.folder / "report.html"


def train(
    data: str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train, judge and bundle a classifier.

    Args:
        data: Folder, archive or table of labelled images.
        config: Settings that differ from the defaults.
        out: The run's directory, which must not exist yet; ``runs/<name>`` if not given.
        name: Name of the run; that of the data if not given. A number is added where
            ``runs/<name>`` exists.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Returns:
        The run, with its judgement on the locked test split.

    Raises:
        HeadstartError: Whatever the user can mend; nothing half-written stays.
    """
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    check_head(settings.head)
    check_tuning(settings)
    target = Path(out) if out else free_name(Path("runs"), name or _name_of(data))
    with RunDirectory(target) as run:
        job = _TrainJob(settings, cache_dir(cache), progress or Silent(), run.path)
        return job.run(data, target)


def _name_of(data: str | Path) -> str:
    return Path(data).absolute().name.split(".")[0] or "run"


class _TrainJob:
    """One run of :func:`train`, step by step."""

    def __init__(self, config: TrainConfig, cache: Path, progress: Progress, folder: Path) -> None:
        self._config = config
        self._cache = cache
        self._progress = progress
        self._folder = folder
        self._watch = Stopwatch()
        self._featuriser = Featuriser(config, cache=cache, progress=progress)
        self._learned_from: tuple[Split, ...] = ("train", "val")

    def run(self, data: str | Path, target: Path) -> TrainResult:
        with self._watch.step("audit"):
            prepared = prepare(
                data,
                self._config.data,
                seed=self._config.seed,
                cache=self._cache,
                progress=self._progress,
            )
        prepared = self._with_size_notes(prepared)
        self._build_backbone()
        with self._watch.step("geometry"):
            choice = self._choose_geometry(prepared)
        with self._watch.step("features"):
            featured = self._featurise(prepared, choice.geometry)
        with self._watch.step("head"):
            fit = self._fit(featured)
        if wants_tuning(self._config):
            with self._watch.step("fine-tuning"):
                featured, fit = self._fine_tune(featured, fit, choice.geometry)
        with self._watch.step("judgement"):
            judged = self._judge(featured, fit)
        with ThreadPoolExecutor(1) as beside:  # drawing beside the engine's compilation
            plots = beside.submit(
                write_plots, self._folder / "plots", judged.test, fit.head.classes
            )
            with self._watch.step("bundle"), self._progress.wait("writing the bundle"):
                info = self._bundle(featured, fit, judged, choice.geometry)
            plots.result()
        return self._finish(data, target, featured, fit, judged, choice, info)

    def _with_size_notes(self, prepared: PreparedData) -> PreparedData:
        notes = size_notes(prepared, self._config, self._featuriser.spec)
        for note in notes:
            self._progress.say(note)
        return replace(prepared, notes=(*prepared.notes, *notes))

    def _build_backbone(self) -> None:
        with self._watch.step("backbone"):
            _ = self._featuriser.weights  # a download draws its own bar
            with self._progress.wait("building the backbone"):
                check_head(self._config.head, self._featuriser.graph.layout)
        for note in self._featuriser.notes:
            self._progress.say(note)

    def _choose_geometry(self, prepared: PreparedData) -> GeometryChoice:
        pool = prepared.manifest.rows_in("train", "val")
        choice = choose_geometry(
            prepared.manifest.take(pool),
            [prepared.digests[row] for row in pool],
            self._config,
            self._featuriser,
        )
        self._progress.say(f"geometry: {choice.geometry.mode} ({choice.reason})")
        return choice

    def _featurise(self, prepared: PreparedData, geometry: Geometry) -> _Featured:
        featured = self._featuriser.featurise(prepared.manifest, prepared.digests, geometry)
        sound = prepared.without(featured.rejected)
        check_rejected(
            sound.audit.rejected,
            prepared.counts,
            sound.manifest.class_counts(),
            allow_bad=self._config.data.allow_bad,
        )
        agreement = self._featuriser.agreement(sound.manifest, geometry)
        return _Featured(sound, featured.features, featured.computed, agreement)

    def _fit(self, featured: _Featured) -> ProbeFit:
        data, pool = featured.data, featured.pool
        task = ProbeTask(
            features=featured.pool_features,
            layout=self._featuriser.graph.layout,
            targets=featured.targets[pool],
            groups=fold_keys(data.manifest.take(pool), [data.digests[row] for row in pool]),
            classes=data.manifest.classes,
        )
        fit = fit_head(task, self._config.head, seed=self._config.seed, progress=self._progress)
        accuracy = f"cross-validated accuracy {fit.chosen.accuracy:.3f}"
        self._progress.say(f"head: {fit.description}, {accuracy}")
        return fit

    def _fine_tune(
        self, featured: _Featured, fit: ProbeFit, geometry: Geometry
    ) -> tuple[_Featured, ProbeFit]:
        """Return what is to be judged: the fine-tuned network where it wins, else the probe."""
        job = TuningJob(self._config, self._featuriser, self._folder, self._progress)
        data = featured.tuning_data(geometry)
        tuned = job.run(data)
        candidate = self._featuriser.with_graph(tuned.graph)
        validated = self._featured_by(candidate, featured, "val", geometry)
        contest, better = job.compare(tuned, fit, validated.features, data)
        self._progress.say(contest.words)
        write_epochs(self._folder, tuned.history)
        if not contest.tuned_wins:
            return featured, replace(fit, notes=(*fit.notes, contest.words))
        self._featuriser, self._learned_from = candidate, ("train",)
        return self._featured_by(candidate, validated, "test", geometry), better

    def _featured_by(
        self, featuriser: Featuriser, featured: _Featured, split: Split, geometry: Geometry
    ) -> _Featured:
        """Return the data with another network's features, computed for one more split."""
        rows = featured.data.manifest.rows_in(split)
        found = featuriser.featurise(
            featured.data.manifest.take(rows),
            [featured.data.digests[row] for row in rows],
            geometry,
        )
        return replace(
            featured,
            features=replace(found.features, digests=featured.features.digests),
            computed=featured.computed + found.computed,
        )

    def _judge(self, featured: _Featured, fit: ProbeFit) -> _Judged:
        layout = self._featuriser.graph.layout
        test_logits = fit.head.logits(featured.features, featured.test, layout)
        targets = featured.targets
        held_out = featured.pool[fit.held_out_rows]
        return _Judged(
            probabilities=softmax(test_logits, fit.head.temperature),
            test=self._judgement(test_logits, targets[featured.test], fit),
            validation=self._judgement(fit.held_out_logits, targets[held_out], fit),
        )

    def _judgement(self, logits: Probabilities, targets: Indices, fit: ProbeFit) -> Judgement:
        settings = self._config.judgement
        return judge(
            softmax(logits, fit.head.temperature),
            targets,
            classes=fit.head.classes,
            resamples=settings.resamples,
            seed=self._config.seed,
            confidence=settings.confidence,
            uncalibrated=softmax(logits),
        )

    def _bundle(
        self, featured: _Featured, fit: ProbeFit, judged: _Judged, geometry: Geometry
    ) -> BundleInfo:
        folder = self._folder / "bundle"
        graph = write_graph(folder, self._featuriser.graph, fit.head)
        native = self._featuriser.precision
        precisions = dict.fromkeys((native, "f32"))
        parity = [self._parity(graph, p, featured, judged, geometry) for p in precisions]
        check_parity(parity[0])
        facts = BundleFacts(
            geometry=geometry,
            max_pixels=self._config.data.max_pixels,
            test=judged.test.to_json(),
            provenance=self._provenance(featured, fit),
        )
        return write_info(folder, fit.head, facts, parity)

    def _parity(
        self, graph: Path, precision: str, featured: _Featured, judged: _Judged, geometry: Geometry
    ) -> Parity:
        native = precision == self._featuriser.precision
        rows = featured.test[: _PARITY_IMAGES if native else _F32_IMAGES].tolist()
        engine = OpenVinoEngine(graph, precision=precision)
        pipeline = ImagePipeline(engine, geometry=geometry, max_pixels=self._config.data.max_pixels)
        answers = [answer for _, answer in pipeline.run(featured.data.manifest, rows)]
        deployed = np.stack([a for a in answers if not isinstance(a, Rejected)]).astype(np.float64)
        return measure_parity(judged.probabilities[: len(rows)], deployed, precision=precision)

    def _provenance(self, featured: _Featured, fit: ProbeFit) -> Provenance:
        learned = featured.data.manifest.rows_in(*self._learned_from)
        manifest = featured.data.manifest.take(learned)
        return Provenance(
            headstart=headstart.__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            backbone=self._featuriser.spec.name,
            weights_sha256=self._featuriser.weights.sha256,
            weights_licence=self._featuriser.weights.licence,
            weights_origin=self._featuriser.weights.origin,
            taps=fit.head.taps,
            strength=fit.chosen.strength,
            head=self._config.head.name.lower(),
            head_settings=head_settings(self._config.head),
            head_choice=fit.chosen.described,
            seed=self._config.seed,
            trained_images=len(learned),
            data=data_digest(manifest, [featured.data.digests[row] for row in learned]),
        )

    def _finish(
        self,
        data: str | Path,
        target: Path,
        featured: _Featured,
        fit: ProbeFit,
        judged: _Judged,
        choice: GeometryChoice,
        info: BundleInfo,
    ) -> TrainResult:
        geometry = f"geometry: {choice.geometry.mode} ({choice.reason})"
        notes = (*featured.data.notes, *self._featuriser.notes, geometry, *fit.notes)
        record = RunRecord(
            title=target.name,
            source=str(data),
            config=self._config,
            data=featured.data,
            test_rows=featured.test,
            probabilities=judged.probabilities,
            test=judged.test,
            validation=judged.validation,
            fit=fit,
            bundle=info,
            notes=notes,
            environment={
                **describe_environment(data),
                "engine": self._featuriser.engine_name,
                "precision": self._featuriser.precision,
                "weights": self._featuriser.weights.to_json(),
                "agreement_with_f32": featured.agreement,
                "forward_passes": featured.computed,
            },
        )
        for scratch in ("pixels", "tuned", "checkpoints"):  # all in the bundle by now
            rmtree(self._folder / scratch, ignore_errors=True)
        with self._progress.wait("writing the report"):
            timings = write_record(self._folder, record, self._watch)
        return TrainResult(target, judged.test, judged.validation, notes, timings)


@dataclass(frozen=True)
class _Featured:
    """Prepared data with its features, row by row."""

    data: PreparedData
    features: StoredFeatures
    computed: int
    agreement: Mapping[str, float | int | str]

    def __post_init__(self) -> None:
        if not len(self.test):
            raise DataError("no test image is left: add images, or make the test split larger")

    @property
    def pool(self) -> Indices:
        """Rows that choices may see: train and val."""
        return self.data.manifest.rows_in("train", "val")

    def tuning_data(self, geometry: Geometry) -> TuningData:
        """Return what fine-tuning may see: the pool, never the test split."""
        return TuningData(
            manifest=self.data.manifest.take(self.pool),
            digests=[self.data.digests[row] for row in self.pool],
            features=self.pool_features,
            geometry=geometry,
        )

    @property
    def pool_features(self) -> StoredFeatures:
        """Their features: the test rows are out of reach."""
        digests = [self.features.digests[row] for row in self.pool]
        return replace(self.features, digests=digests)

    @property
    def test(self) -> Indices:
        """Rows of the locked test split."""
        return self.data.manifest.rows_in("test")

    @property
    def targets(self) -> Indices:
        """Class of each row."""
        return self.data.manifest.label_indices(self.data.manifest.classes)


@dataclass(frozen=True)
class _Judged:
    """Probabilities on the test split, and both judgements."""

    probabilities: Probabilities
    test: Judgement
    validation: Judgement
