"""A run's bundle: written, and held against the training side's answers on real images."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import headstart
from headstart.bundle import BundleInfo, Parity, Provenance
from headstart.config import TrainConfig
from headstart.data.manifest import Rejected
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.pipeline import ImagePipeline
from headstart.export.bundling import (
    BundleFacts,
    check_parity,
    measure_parity,
    write_graph,
    write_info,
)
from headstart.heads.presets import head_settings
from headstart.workflows.decision import record_of
from headstart.workflows.featured_data import Candidate
from headstart.workflows.judging import Judged
from headstart.workflows.preparation import data_digest

_PARITY_IMAGES = 64
_F32_IMAGES = 16


def write_bundle(
    folder: Path, candidate: Candidate, judged: Judged, config: TrainConfig
) -> BundleInfo:
    """Write the deployable model.

    Args:
        folder: The bundle's.
        candidate: What is deployed.
        judged: Its answers and figures.
        config: The run's settings.

    Raises:
        BundleError: The deployed graph does not answer as the training side does.
        StorageError: It cannot be written.
    """
    graph = write_graph(folder, candidate.featuriser.graph, candidate.fit.head)
    precisions = dict.fromkeys((candidate.featuriser.precision, "f32"))
    parity = [_parity(graph, p, candidate, judged, config) for p in precisions]
    check_parity(parity[0])
    facts = BundleFacts(
        geometry=candidate.geometry,
        max_pixels=config.data.max_pixels,
        test=judged.test.to_json(),
        provenance=_provenance(candidate, config),
        training_priors=judged.training_priors,
        decision=record_of(judged.decision, judged.figures, candidate.fit.head.classes),
    )
    return write_info(folder, candidate.fit.head, facts, parity)


def _parity(
    graph: Path, precision: str, candidate: Candidate, judged: Judged, config: TrainConfig
) -> Parity:
    native = precision == candidate.featuriser.precision
    rows = candidate.featured.test[: _PARITY_IMAGES if native else _F32_IMAGES].tolist()
    engine = OpenVinoEngine(graph, precision=precision)
    pipeline = ImagePipeline(engine, geometry=candidate.geometry, max_pixels=config.data.max_pixels)
    answers = [answer for _, answer in pipeline.run(candidate.featured.data.manifest, rows)]
    deployed = np.stack([a for a in answers if not isinstance(a, Rejected)]).astype(np.float64)
    return measure_parity(judged.probabilities[: len(rows)], deployed, precision=precision)


def _provenance(candidate: Candidate, config: TrainConfig) -> Provenance:
    data, weights, fit = candidate.featured.data, candidate.featuriser.weights, candidate.fit
    learned = data.manifest.rows_in(*candidate.learned_from)
    manifest = data.manifest.take(learned)
    return Provenance(
        headstart=headstart.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=candidate.featuriser.spec.name,
        weights_sha256=weights.sha256,
        weights_licence=weights.licence,
        weights_origin=weights.origin,
        taps=fit.head.taps,
        strength=fit.chosen.strength,
        head=config.head.name.lower(),
        head_settings=head_settings(config.head),
        head_choice=fit.chosen.described,
        seed=config.seed,
        trained_images=len(learned),
        data=data_digest(manifest, [data.digests[row] for row in learned]),
    )
