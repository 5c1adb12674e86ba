"""``headstart check``: what a pretrained network sees in the images, before any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart.backbones.imagenet import IMAGENET_1K, imagenet_labels
from headstart.backbones.spec import CLASSIFIER_TAP
from headstart.config import TrainConfig, build_config, cache_dir
from headstart.features.table import StoredFeatures
from headstart.progress import Progress, Silent
from headstart.selection.memory import compare_names, memory_warning
from headstart.selection.recognition import Answers, read_answers, top_labels
from headstart.selection.strategy import Evidence, advise
from headstart.workflows.check_data import CheckData, load_check_data
from headstart.workflows.check_evidence import measure_evidence
from headstart.workflows.check_result import UNLABELLED, CheckResult, PictureAnswer
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.run_directory import refuse_existing
from headstart.workflows.size_notes import find_size_problems
from headstart.workflows.stopwatch import Stopwatch

Logits = npt.NDArray[np.float16]
_NO_WORDS = "{} has no classifier of its own: it has no words for what it sees"


def check(
    data: str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    images: int | None = None,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Say what a pretrained network sees in the images, and which strategy suits them.

    Nothing is trained but cross-validated linear heads, and no test image is looked at.
    Images are seen as the network was trained to see them, through its own central crop,
    unless the settings name a geometry.

    Args:
        data: Folder, archive or table of images, labelled or not.
        config: Settings that differ from the defaults: backbone, data, engine, seed.
        images: Most images looked at; by default 1,000, or more for many classes.
        out: Where the HTML page goes: a file ending in ``.html``, or a folder for
            ``check.html``; it must not exist yet.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Raises:
        HeadstartError: Whatever the user can mend.
    """
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    page = page_path(out)
    job = _CheckJob(settings, cache_dir(cache), progress or Silent())
    result = job.run(data, images)
    if page is None:
        return result
    from headstart.workflows.check_page import write_page

    assert job.data is not None
    with job.progress.wait("writing the page"), job.watch.step("page"):
        write_page(page, result, job.data)
    return replace(result, page=page, timings_s=job.watch.seconds())


def page_path(out: str | Path | None) -> Path | None:
    """Return the file that the page will be.

    Raises:
        ConfigError: It exists already.
    """
    if out is None:
        return None
    target = Path(out)
    if target.suffix.lower() not in (".html", ".htm"):
        target = target / "check.html"
    refuse_existing(target)
    return target


class _CheckJob:
    """One run of :func:`check`, step by step."""

    def __init__(self, config: TrainConfig, cache: Path, progress: Progress) -> None:
        self.progress = progress
        self.watch = Stopwatch()
        self.data: CheckData | None = None
        self._config = config
        self._cache = cache
        self._featuriser = Featuriser(config, cache=cache, progress=progress)
        mode = config.data.geometry
        self._geometry = self._featuriser.geometry("crop" if mode == "auto" else mode)

    def run(self, data: str | Path, images: int | None) -> CheckResult:
        with self.watch.step("audit"):
            loaded = load_check_data(
                data, self._config, images=images, cache=self._cache, progress=self.progress
            )
        with self.watch.step("backbone"), self.progress.wait("building the backbone"):
            _ = self._featuriser.graph
        with self.watch.step("features"):
            featured = self._featuriser.featurise(
                loaded.shown, loaded.shown_digests, self._geometry
            )
            self.data = loaded = loaded.without(featured.rejected)
        with self.watch.step("answers"):
            logits, answers = self._answers(loaded, featured.features)
        with self.watch.step("evidence"):
            evidence = self._evidence(loaded, featured.features, answers)
        return self._result(data, loaded, logits, answers, evidence)

    def _answers(
        self, data: CheckData, features: StoredFeatures
    ) -> tuple[Logits | None, Answers | None]:
        if self._featuriser.spec.labels != IMAGENET_1K:
            return None, None
        rows = np.arange(len(features))
        columns = self._featuriser.graph.layout.columns([f"{CLASSIFIER_TAP}/logits"])
        logits = features.read(rows, columns)
        classes = data.manifest.classes if data.labelled else (UNLABELLED,)
        labels = imagenet_labels()
        return logits, read_answers(logits, data.targets, classes=classes, labels=labels)

    def _evidence(
        self, data: CheckData, features: StoredFeatures, answers: Answers | None
    ) -> Evidence | None:
        if not data.labelled:
            return None
        layout = self._featuriser.graph.layout
        return measure_evidence(
            data, features, layout, answers, config=self._config, progress=self.progress
        )

    def _result(
        self,
        data: str | Path,
        loaded: CheckData,
        logits: Logits | None,
        answers: Answers | None,
        evidence: Evidence | None,
    ) -> CheckResult:
        spec, shown = self._featuriser.spec, loaded.shown
        names = compare_names(answers.first, shown.paths, shown.labels) if answers else None
        pictures = () if loaded.labelled or logits is None else _pictures(shown.paths, logits)
        notes = loaded.notes
        if answers is None:
            notes = (
                f"{spec.name} has no classifier of its own: it has no words for what it sees",
                *notes,
            )
        return CheckResult(
            source=str(data),
            backbone=spec.name,
            geometry=self._geometry,
            images=len(loaded.manifest),
            sampled=len(loaded.sample),
            class_counts=loaded.manifest.class_counts(),
            answers=answers.per_class if answers else (),
            pictures=pictures,
            names=names,
            memory=memory_warning(names, published_top1=spec.top1),
            evidence=evidence,
            advice=advise(evidence) if evidence else None,
            findings=find_size_problems(
                self._config,
                spec,
                widths=loaded.widths,
                heights=loaded.heights,
                paths=loaded.manifest.paths,
                lossless=loaded.lossless,
            ),
            notes=notes,
            timings_s=self.watch.seconds(),
        )


def _pictures(paths: tuple[str, ...], logits: Logits) -> tuple[PictureAnswer, ...]:
    answers = top_labels(logits, imagenet_labels())
    return tuple(
        PictureAnswer(path, tuple(labels)) for path, labels in zip(paths, answers, strict=True)
    )
