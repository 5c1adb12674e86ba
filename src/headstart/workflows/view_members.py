"""One run looked at in several ways: each view of its squares is a member to be joined."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from headstart.bundle import Bundle, load_bundle
from headstart.config import TrainConfig, build_config
from headstart.data.manifest import Manifest, Rejected, Split
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.pipeline import ImagePipeline
from headstart.errors import DataError
from headstart.evaluation.counts import Floats
from headstart.evaluation.pooling import Pool
from headstart.export.bundling import write_model
from headstart.export.classifier_graph import build_classifier
from headstart.export.joined_graph import Member, join_graphs
from headstart.export.views import View, find_views
from headstart.heads.cross_fit import fit_configured
from headstart.heads.probe import ProbeTask
from headstart.progress import Progress
from headstart.workflows.benchmark_runs import check_same_images
from headstart.workflows.ensemble_members import JoinedAnswers, Members
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.preparation import PreparedData, fold_keys, prepare
from headstart.workflows.run_facts import read_splits
from headstart.workflows.stored_run import StoredRun, read_run


@dataclass(frozen=True)
class ViewedRun:
    """A run whose squares are to be looked at in several ways.

    Attributes:
        run: What its files say.
        bundle: Its model.
        config: Its settings.
        data: Its images.
        views: How squares are looked at; ``None``: as they are.
        cache: Cache folder.
        progress: Who is told.
    """

    run: StoredRun
    bundle: Bundle
    config: TrainConfig
    data: PreparedData
    views: tuple[View | None, ...]
    cache: Path
    progress: Progress

    def members(self) -> Members:
        """Return a member for each view, with answers to the validation images only.

        They are those of a model that has not learned from these images: the run's own where
        it was fine-tuned, else a head fitted anew on the training images alone.
        """
        tuned = self.run.is_fine_tuned
        model = onnx.load(self.bundle.graph) if tuned else self._unknowing()
        return Members(
            (self.run,) * len(self.views),
            (self.bundle,) * len(self.views),
            held_out=self._answers(model, "val"),
            test=JoinedAnswers((), (), (), np.empty(0, np.int64), np.empty((0, 0, 0))),
            views=self.views,
        )

    def test_answers(self) -> JoinedAnswers:
        """Return the run's own answers to every view of the test images."""
        return self._answers(onnx.load(self.bundle.graph), "test")

    def _unknowing(self) -> onnx.ModelProto:
        """Return a classifier that was fitted as the run's was, on training images alone."""
        featuriser = Featuriser(self.config, cache=self.cache, progress=self.progress)
        rows = self.data.manifest.rows_in("train")
        manifest = self.data.manifest.take(rows)
        digests = [self.data.digests[row] for row in rows]
        found = featuriser.featurise(manifest, digests, self.bundle.info.geometry)
        classes = self.bundle.info.classes
        task = ProbeTask(
            features=found.features,
            layout=featuriser.graph.layout,
            targets=manifest.label_indices(classes),
            groups=fold_keys(manifest, digests),
            classes=classes,
        )
        fit = fit_configured(task, self.config.head, seed=self.config.seed, progress=self.progress)
        return build_classifier(onnx.load(featuriser.graph.path), fit.head)

    def _answers(self, model: onnx.ModelProto, split: Split) -> JoinedAnswers:
        rows = self.data.manifest.rows_in(split)
        manifest = self.data.manifest.take(rows)
        if not len(manifest):
            raise DataError(f"{self.run.folder} has no {split} images to look at in other ways")
        return JoinedAnswers(
            paths=tuple(manifest.paths),
            labels=tuple(str(label) for label in manifest.labels),
            digests=tuple(self.data.digests[row] for row in rows.tolist()),
            targets=manifest.label_indices(self.bundle.info.classes),
            answers=np.stack([self._looked_at(model, view, manifest) for view in self.views]),
        )

    def _looked_at(self, model: onnx.ModelProto, view: View | None, manifest: Manifest) -> Floats:
        info = self.bundle.info
        alone = Pool("average", np.ones(1), np.zeros(len(info.classes)))
        graph = join_graphs([Member(model, info.geometry.size_px, view)], alone)
        with tempfile.TemporaryDirectory() as folder:
            precision = info.parity[0].precision if info.parity else "f32"
            engine = OpenVinoEngine(write_model(Path(folder), graph), precision=precision)
            pipeline = ImagePipeline(engine, geometry=info.geometry, max_pixels=info.max_pixels)
            answers = pipeline.run(manifest, range(len(manifest)))
            name = view.name if view else "plain"
            told = self.progress.track(
                answers, total=len(manifest), task=f"view: {name}", unit="images"
            )
            found = [answer for _, answer in told if not isinstance(answer, Rejected)]
        return np.stack(found).astype(np.float64)


def read_views(
    folder: str | Path,
    views: Sequence[str],
    *,
    data: str | Path | None,
    cache: Path,
    progress: Progress,
) -> ViewedRun:
    """Read a run whose squares are to be looked at in other ways too.

    Args:
        folder: What ``headstart train`` wrote.
        views: Names of views, besides the plain one.
        data: The images; where the run had them from if not given.
        cache: Cache folder.
        progress: Who is told.

    Raises:
        DataError: It is no such run, or its images are gone or were changed.
        UnknownNameError: There is no such view.
        ConfigError: A view cannot be of the size that is asked for.
    """
    named = {view.name: view for name in views for view in find_views(name)}
    run = read_run(folder)
    if run.kind != "train":
        raise DataError(f"{folder} was not trained: views are for runs of 'headstart train'")
    place = data or run.data
    if not place:
        raise DataError(f"{folder} does not say where its images are: give --data")
    config = build_config(dict(run.config))
    prepared = prepare(place, config.data, seed=config.seed, cache=cache, progress=progress)
    prepared = _as_then(prepared, run.folder, place)
    return ViewedRun(
        run, load_bundle(folder), config, prepared, (None, *named.values()), cache, progress
    )


def _as_then(prepared: PreparedData, folder: Path, place: str | Path) -> PreparedData:
    """Return the data as the run had it: less what it set aside, each image in its split."""
    check_same_images(prepared, folder, str(place))
    then, manifest = read_splits(folder), prepared.manifest
    kept = prepared.without(
        {
            row: Rejected(path, "set aside by the run")
            for row, path in enumerate(manifest.paths)
            if path not in then
        }
    )
    splits = dict(zip(kept.manifest.paths, kept.manifest.splits, strict=True))
    moved = [path for path, (split, _) in then.items() if splits[path] != split]
    if moved:
        raise DataError(
            f"{len(moved):,} images of {place} would now be in another split than in {folder}, "
            f"such as {moved[0]}: views go by images that the run has not learned from"
        )
    return kept
