"""One run of ``headstart train``, step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from headstart.bundle import BundleInfo
from headstart.config import TrainConfig
from headstart.data.audit import check_rejected
from headstart.data.geometry import Geometry
from headstart.heads.cross_fit import fit_configured
from headstart.heads.fitting import check_head
from headstart.heads.probe import ProbeFit
from headstart.progress import Progress
from headstart.reporting import write_plots
from headstart.workflows.bundling import write_bundle
from headstart.workflows.decision import plan_rule
from headstart.workflows.featured_data import Candidate, FeaturedData
from headstart.workflows.finishing import Outcome, finish
from headstart.workflows.geometry_choice import GeometryChoice, choose_geometry
from headstart.workflows.judging import Judged, judge_candidate
from headstart.workflows.preparation import PreparedData
from headstart.workflows.resume_record import ResumeRecord, new_record
from headstart.workflows.resumption import resume_command
from headstart.workflows.run_errors import find_run_errors
from headstart.workflows.shared_work import SharedWork, geometry_key
from headstart.workflows.size_notes import size_notes
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.train_result import TrainResult
from headstart.workflows.tuning_config import wants_tuning
from headstart.workflows.tuning_step import fine_tune


class TrainJob:
    """One run.

    Args:
        config: Its settings.
        cache: Cache folder.
        progress: Who is told.
        folder: Where its files go while it is under way.
        record: What it noted before it was stopped, if it was.
        recipe: The published plan it follows; empty for none.
        shared: What it has in common with other runs of this process, if there are any.
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        cache: Path,
        progress: Progress,
        folder: Path,
        record: ResumeRecord | None = None,
        recipe: str = "",
        shared: SharedWork | None = None,
    ) -> None:
        self._config = config
        self._cache = cache
        self._progress = progress
        self._folder = folder
        self._record = record
        self._recipe = record.recipe if record else recipe
        self._watch = Stopwatch()
        self._shared = shared or SharedWork()
        self._featuriser = self._shared.featuriser(config, cache=cache, progress=progress)

    def run(self, data: str | Path, target: Path) -> TrainResult:
        """Train, judge, bundle, write everything.

        Args:
            data: Folder, archive or table of labelled images.
            target: Where the run will be.

        Raises:
            DataError: A stopped run goes on, and the images are no longer the same.
            WeightsError: Likewise for the pretrained weights.
        """
        with self._watch.step("audit"):
            prepared = self._shared.images(
                data, self._config, cache=self._cache, progress=self._progress
            )
        if self._record:
            self._record.check_data(prepared)
        plan_rule(self._config.decision, prepared.manifest.classes, prepared.shares)
        prepared = self._with_size_notes(prepared)
        self._build_backbone()
        with self._watch.step("geometry"):
            choice = self._choose_geometry(data, prepared)
        probe = self._probe(prepared, choice.geometry)
        if wants_tuning(self._config) and not self._record:
            self._note_down(data, prepared, choice)
        candidate = self._fine_tuned(probe)
        with self._watch.step("judgement"):
            judged = judge_candidate(candidate, self._config)
        info = self._bundle(candidate, judged)
        on_the_way = self._record.notes if self._record else ()
        with self._watch.step("error analysis"), self._progress.wait("looking at the errors"):
            errors = find_run_errors(probe, candidate, judged, self._config)
        outcome = Outcome(
            str(data), candidate, judged, choice, info, errors, on_the_way, self._recipe
        )
        return finish(outcome, self._config, self._folder, target, self._watch, self._progress)

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
        if self._record:
            self._record.check_weights(self._featuriser.weights.sha256)
        for note in self._featuriser.notes:
            self._progress.say(note)

    def _choose_geometry(self, data: str | Path, prepared: PreparedData) -> GeometryChoice:
        if self._record:
            known = self._featuriser.geometry(self._record.geometry)
            return GeometryChoice(known, self._record.reason)
        key = geometry_key(data, self._config)
        choice = self._shared.once("geometry", key, lambda: self._tried_geometry(prepared))
        self._progress.say(choice.words)
        return choice

    def _tried_geometry(self, prepared: PreparedData) -> GeometryChoice:
        pool = prepared.manifest.rows_in("train", "val")
        return choose_geometry(
            prepared.manifest.take(pool),
            [prepared.digests[row] for row in pool],
            self._config,
            self._featuriser,
        )

    def _probe(self, prepared: PreparedData, geometry: Geometry) -> Candidate:
        with self._watch.step("features"):
            featured = self._featurise(prepared, geometry)
        with self._watch.step("head"):
            fit = self._fit(featured)
        return Candidate(self._featuriser, featured, fit, geometry)

    def _featurise(self, prepared: PreparedData, geometry: Geometry) -> FeaturedData:
        featured = self._featuriser.featurise(prepared.manifest, prepared.digests, geometry)
        sound = prepared.without(featured.rejected)
        check_rejected(
            sound.audit.rejected,
            prepared.counts,
            sound.manifest.class_counts(),
            allow_bad=self._config.data.allow_bad,
        )
        agreement = self._featuriser.agreement(sound.manifest, geometry)
        return FeaturedData(sound, featured.features, featured.computed, agreement)

    def _fit(self, featured: FeaturedData) -> ProbeFit:
        task = featured.probe_task(self._featuriser)
        head = self._config.head
        fit = fit_configured(task, head, seed=self._config.seed, progress=self._progress)
        accuracy = f"cross-validated accuracy {fit.chosen.accuracy:.3f}"
        self._progress.say(f"head: {fit.description}, {accuracy}")
        return fit

    def _note_down(self, data: str | Path, prepared: PreparedData, choice: GeometryChoice) -> None:
        record = new_record(
            data,
            prepared,
            choice,
            config=self._config,
            cache=self._cache,
            weights_sha256=self._featuriser.weights.sha256,
            recipe=self._recipe,
        )
        record.write(self._folder)
        self._progress.say(f"should this run be stopped: {resume_command(self._folder)}")

    def _fine_tuned(self, probe: Candidate) -> Candidate:
        if not wants_tuning(self._config):
            return probe
        with self._watch.step("fine-tuning"):
            return fine_tune(
                probe,
                self._config,
                folder=self._folder,
                progress=self._progress,
                elapsed_s=self._watch.elapsed_s,
            )

    def _bundle(self, candidate: Candidate, judged: Judged) -> BundleInfo:
        with ThreadPoolExecutor(1) as beside:  # drawing beside the engine's compilation
            plots = beside.submit(
                write_plots,
                self._folder / "plots",
                judged.test,
                candidate.fit.head.classes,
                threshold=judged.decision.rule.threshold,
            )
            with self._watch.step("bundle"), self._progress.wait("writing the bundle"):
                info = write_bundle(self._folder / "bundle", candidate, judged, self._config)
            plots.result()
        return info
