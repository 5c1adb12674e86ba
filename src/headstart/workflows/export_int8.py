"""A bundle in int8: calibrated on training images, its cost measured on test images."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np
import onnx

from headstart.bundle import Bundle, Parity, QuantisedRecord
from headstart.bundle.loading import GRAPH_FILE, WEIGHTS_FILE, file_digest
from headstart.bundle.sealing import write_sealed
from headstart.engines.base import PixelBatch
from headstart.engines.openvino_engine import THROUGHPUT_BATCH, OpenVinoEngine
from headstart.errors import ConfigError, DataError
from headstart.evaluation import judge
from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.counts import Floats, Ints
from headstart.export.classifier_graph import split_weights
from headstart.export.parity import Differences, ParityReport, accuracy_test
from headstart.export.quantising import quantise
from headstart.files import write_bytes
from headstart.progress import Progress
from headstart.workflows.export import Compared, against_training, compare, write_parity
from headstart.workflows.export_images import (
    ExportImages,
    answers_of,
    calibration_pixels,
    targets_of,
)
from headstart.workflows.run_directory import RunDirectory

_METHOD: Final = "NNCF post-training quantisation, weights per channel, biases corrected"
_TIMED_BATCHES: Final = 4
_ROUNDS: Final = 3


def export_int8(
    bundle: Bundle,
    images: ExportImages,
    folder: Path,
    max_loss: float,
    calibration_images: int,
    how: Resampling,
    heard: Progress,
) -> ParityReport:
    """Write a bundle that computes in int8.

    Args:
        bundle: The source.
        images: Whose test images its cost is measured on.
        folder: Where it will be.
        max_loss: See :func:`headstart.workflows.export.export`.
        calibration_images: Likewise.
        how: How intervals are made.
        heard: Who is told.

    Raises:
        ConfigError: The source is int8 already.
        BundleError: It is less accurate, by more than is accepted, and the test shows it.
        DataError: There are no training images to calibrate on, or none beside them.
    """
    _refuse(bundle, images)
    pixels = calibration_pixels(images, bundle, calibration_images)
    with RunDirectory(folder) as whole:
        graph = _write_graph(bundle, pixels, whole.path)
        engine = OpenVinoEngine(graph)
        exported = answers_of(engine, images.test, bundle, heard, task="int8")
        answers = compare(bundle, exported, images, heard)
        targets = targets_of(images.test, bundle, answers.rows)
        parity = ParityReport(
            format="int8",
            measured_on=engine.name,
            images_from=images.described,
            bundle=Differences.between(answers.exported, answers.reference),
            limit=None,
            trained=against_training(answers, images, bundle),
            accuracy_test=accuracy_test(
                answers.exported, answers.reference, targets, confidence=how.confidence
            ),
            max_loss=max_loss,
            speed=_speeds(bundle, engine, pixels),
            note=_note(bundle),
        )
        parity.check()
        changes = _changes(whole.path, bundle, answers, targets, parity, len(pixels), how)
        write_sealed(whole.path, bundle.info.model_copy(update=changes))
        write_parity(whole.path, parity)
    return parity


def _refuse(bundle: Bundle, images: ExportImages) -> None:
    if bundle.info.quantised is not None:
        raise ConfigError(f"{bundle.folder} computes in int8 already: give the bundle it came from")
    if set(images.test.paths) & set(images.train.paths):
        raise DataError(
            "what int8 costs is measured on images that it was not calibrated on, and all are of "
            "the split 'train': give the run's folder, or --data with a split 'test'"
        )


def _write_graph(bundle: Bundle, pixels: list[PixelBatch], folder: Path) -> Path:
    model = quantise(onnx.load(bundle.graph), pixels)
    graph, weights = split_weights(model, WEIGHTS_FILE)
    write_bytes(folder / WEIGHTS_FILE, weights)
    write_bytes(folder / GRAPH_FILE, graph)
    return folder / GRAPH_FILE


def _note(bundle: Bundle) -> str:
    decision = bundle.info.decision
    if decision is None or decision.reject is None:
        return ""
    return "the threshold for 'unknown' is the source's, chosen on answers in its own arithmetic"


def _speeds(
    bundle: Bundle, quantised: OpenVinoEngine, pixels: list[PixelBatch]
) -> tuple[tuple[str, float], ...]:
    """Time the source's fastest arithmetic and int8 in turn, on training images in memory."""
    source = OpenVinoEngine(bundle.graph)
    batch = np.concatenate((pixels * THROUGHPUT_BATCH)[:THROUGHPUT_BATCH])
    engines = {source.precision: source, "int8": quantised}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for round_ in range(_ROUNDS + 1):
        for name, engine in engines.items():
            start = perf_counter()
            for _ in engine.stream([batch] * _TIMED_BATCHES):
                pass
            if round_:  # the first one warms up
                seconds[name].append(perf_counter() - start)
    images = _TIMED_BATCHES * THROUGHPUT_BATCH
    return tuple((name, images / median(times)) for name, times in seconds.items())


def _changes(
    folder: Path,
    bundle: Bundle,
    answers: Compared,
    targets: Ints,
    parity: ParityReport,
    calibrated_on: int,
    how: Resampling,
) -> dict[str, object]:
    """Return what ``bundle.json`` says otherwise than the source's."""
    test = parity.accuracy_test
    assert test is not None, "int8 has been tested"
    found = parity.bundle
    decision = bundle.info.decision
    return {
        "test": _judged(bundle, answers.exported, targets, how),
        "decision": decision and decision.model_copy(update={"test": {}}),
        "parity": (
            Parity(
                images=found.images,
                top1_disagreements=found.top1_disagreements,
                largest_difference=found.largest,
                precision="int8",
            ),
        ),
        "files": {name: file_digest(folder / name) for name in (GRAPH_FILE, WEIGHTS_FILE)},
        "quantised": QuantisedRecord(
            method=_METHOD,
            calibration_images=calibrated_on,
            source_seal=bundle.info.seal,
            accuracy=test.difference.to_json(),
            p_value=test.p_value,
        ),
    }


def _judged(
    bundle: Bundle, probabilities: Floats, targets: Ints, how: Resampling
) -> dict[str, object]:
    decided = bundle.info.rule().apply(probabilities)
    judgement = judge(
        decided.probabilities,
        targets,
        classes=bundle.info.classes,
        resamples=how.resamples,
        seed=how.seed,
        confidence=how.confidence,
        said=decided.labels,
    )
    return dict(judgement.to_json())
