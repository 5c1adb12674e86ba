"""The one predictor behind the command line, Python and, later, HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from headstart.bundle import Bundle, load_bundle
from headstart.config import build_config, cache_dir
from headstart.data.containers import ArraysContainer
from headstart.data.inputs import open_images
from headstart.data.manifest import Manifest, Pixels, Rejected
from headstart.engines.openvino_engine import (
    THROUGHPUT_BATCH,
    OpenVinoEngine,
    native_precision,
)
from headstart.engines.pipeline import ImagePipeline
from headstart.errors import DataError, listed
from headstart.evaluation.decision import UNKNOWN, DecisionRule

Images: TypeAlias = "Sequence[str | Path] | Sequence[Pixels] | Pixels"
"""Paths, or uint8 images of shape (H, W, 3) or (H, W), or a stack of them."""

Probabilities: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a bundle says of one image.

    Attributes:
        path: As it was given, or its name inside a folder or archive.
        label: The most probable class, or with costs that of least expected cost, even
            where that is not sure enough for an answer; empty for a bad file.
        confidence: Its calibrated probability, 0 to 1; 0 for a bad file.
        status: ``"ok"``, ``"unknown"`` where the confidence is below the threshold, or
            ``"error"`` for a file that could not be read.
        error: The reason, for a bad file.
        probabilities: Of every class, shape (K,), in the bundle's order, under the priors
            it decides by; empty for a bad file.
    """

    path: str
    label: str
    confidence: float
    status: Literal["ok", "unknown", "error"]
    error: str
    probabilities: Probabilities


class Predictor:
    """Classifies images with a bundle. Made by :func:`load`.

    Args:
        bundle: A verified bundle.
        precision: ``"auto"`` (the processor's fastest), ``"bf16"`` or ``"f32"``.
        threads: Processor threads; all that are allowed where not given.

    Attributes:
        bundle: The bundle.
        rule: How probabilities become answers: as the bundle says.
        classes_: Names, K of them, in the order of the probabilities.

    Raises:
        ConfigError: No such precision, or no number of threads.
    """

    def __init__(
        self, bundle: Bundle, *, precision: str = "auto", threads: int | None = None
    ) -> None:
        _check_engine(precision, threads)
        self.bundle = bundle
        self.rule = bundle.info.rule()
        self.classes_ = np.array(bundle.info.classes)
        self._precision = precision
        self._threads = threads
        self._engines: dict[int, OpenVinoEngine] = {}

    def deciding(self, rule: DecisionRule) -> Predictor:
        """Return a predictor that decides otherwise, with the same engines."""
        other = copy(self)
        other.rule = rule
        return other

    @property
    def precision(self) -> str:
        """Arithmetic that is asked for: ``"bf16"`` or ``"f32"``."""
        return native_precision() if self._precision == "auto" else self._precision

    def stream(self, manifest: Manifest, *, start: int = 0) -> Iterator[Prediction]:
        """Yield one prediction a row, in order; a bad file is a row with its reason.

        Args:
            manifest: Images.
            start: Row to begin with.
        """
        pipeline = self._pipeline(len(manifest))
        for row, answer in pipeline.run(manifest, range(start, len(manifest))):
            if isinstance(answer, Rejected):
                yield _bad(manifest.paths[row], answer.reason)
            else:
                yield self._good(manifest.paths[row], answer)

    def predict_proba(self, images: Images) -> Probabilities:
        """Return calibrated probabilities under the rule's priors, float32, shape (N, K).

        Raises:
            DataError: Any image cannot be read; all such are named.
        """
        predictions = self._sound(images)
        if not predictions:
            return np.empty((0, len(self.classes_)), dtype=np.float32)
        return np.stack([prediction.probabilities for prediction in predictions])

    def predict(self, images: Images) -> npt.NDArray[np.str_]:
        """Return what each image is called, shape (N,). Raises as above.

        That is the most probable class, or what the bundle's decision says: ``"unknown"``
        where no class is sure enough.
        """
        said = [UNKNOWN if p.status == UNKNOWN else p.label for p in self._sound(images)]
        return np.array(said, dtype=np.str_)

    def _sound(self, images: Images) -> list[Prediction]:
        predictions = list(self.stream(as_manifest(images)))
        bad = [f"{p.path} ({p.error})" for p in predictions if p.status == "error"]
        if bad:
            raise DataError(
                f"{len(bad)} of {len(predictions)} images cannot be read: {listed(bad)}"
            )
        return predictions

    def redecide(self, prediction: Prediction) -> Prediction:
        """Return this predictor's answer to what one with a plain rule has predicted."""
        if prediction.status == "error":
            return prediction
        return self._good(prediction.path, prediction.probabilities)

    def _good(self, path: str, probabilities: Probabilities) -> Prediction:
        decided = self.rule.apply(probabilities[None].astype(np.float64))
        return Prediction(
            path=path,
            label=str(self.classes_[decided.labels[0]]),
            confidence=float(decided.confidence[0]),
            status=UNKNOWN if decided.unknown[0] else "ok",
            error="",
            probabilities=decided.probabilities[0].astype(np.float32),
        )

    def _pipeline(self, images: int) -> ImagePipeline:
        info = self.bundle.info
        engine = self._engine(1 if images < THROUGHPUT_BATCH else THROUGHPUT_BATCH)
        return ImagePipeline(engine, geometry=info.geometry, max_pixels=info.max_pixels)

    def _engine(self, batch_size: int) -> OpenVinoEngine:
        if batch_size not in self._engines:
            with self.bundle.opening():
                engine = OpenVinoEngine(
                    self.bundle.graph,
                    precision=self._precision,
                    threads=self._threads,
                    batch_size=batch_size,
                )
            self.bundle.check_shapes(size_px=engine.size_px, classes=engine.width)
            self._engines[batch_size] = engine
        return self._engines[batch_size]


def load(bundle: str | Path, *, precision: str = "auto", threads: int | None = None) -> Predictor:
    """Load a bundle to predict with.

    Args:
        bundle: Bundle folder, or a run directory that holds one.
        precision: ``"auto"`` (the processor's fastest), ``"bf16"`` or ``"f32"``.
        threads: Processor threads; all that are allowed where not given.

    Raises:
        ConfigError: No such precision, or no number of threads.
        BundleError: A file is missing, changed or of an unknown version.
    """
    _check_engine(precision, threads)  # before the bundle is read
    return Predictor(load_bundle(bundle), precision=precision, threads=threads)


def _check_engine(precision: str, threads: int | None) -> None:
    """Refuse what no engine can be built with, before an image is read."""
    given = {"precision": precision, **({} if threads is None else {"threads": threads})}
    build_config({"engine": given})


def as_manifest(images: Images) -> Manifest:
    """Return paths or arrays as rows without labels.

    Raises:
        DataError: Neither paths nor uint8 images, or one image that is not in a list.
    """
    if isinstance(images, str | Path):
        images = [images]
    if isinstance(images, np.ndarray) and images.ndim == 3 and images.shape[2] == 3:
        raise DataError(f"one image of shape {images.shape}, where several belong: pass [image]")
    if len(images) and not isinstance(next(iter(images)), str | Path):
        container = ArraysContainer(cast("Sequence[Pixels]", images))
        paths = tuple(container.names())
        empty = (None,) * len(paths)
        return Manifest(container, paths, empty, empty, empty)
    return open_images([str(path) for path in images], cache=cache_dir())


def _bad(path: str, reason: str) -> Prediction:
    nothing = np.empty(0, dtype=np.float32)
    return Prediction(
        path=path, label="", confidence=0.0, status="error", error=reason, probabilities=nothing
    )
