"""One bundle of several: their graphs joined, and held against the answers they stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

import headstart
from headstart.bundle import Bundle, BundleInfo, Parity, Provenance
from headstart.data.digest import content_digest
from headstart.data.manifest import Manifest, Rejected
from headstart.data.sources import open_source
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.pipeline import ImagePipeline
from headstart.errors import BundleError, DataError
from headstart.evaluation.counts import Ints
from headstart.evaluation.pooling import Pool
from headstart.export.bundling import (
    PARITY_LIMIT,
    BundleFacts,
    check_parity,
    measure_parity,
    write_info,
    write_model,
)
from headstart.export.joined_graph import Member, join_graphs
from headstart.workflows.ensemble_members import JoinedAnswers, Members

_PARITY_IMAGES: Final = 64
_F32_IMAGES: Final = 16


@dataclass(frozen=True)
class Joined:
    """What a bundle says of its classifier.

    Attributes:
        classes: Names, in the order of the probabilities.
        temperature: Of the joined scores.
    """

    classes: tuple[str, ...]
    temperature: float


@dataclass(frozen=True)
class TestImages:
    """Test images that are still as they were judged.

    Attributes:
        manifest: The images.
        rows: Which of the test answers they have, shape (n,).
    """

    manifest: Manifest
    rows: Ints


def find_test_images(data: str | Path, test: JoinedAnswers, cache: Path) -> TestImages:
    """Find some of the images that the members were judged on.

    Args:
        data: Where they are.
        test: The members' answers.
        cache: Cache folder, for archives.

    Raises:
        DataError: None of them is there.
    """
    manifest = open_source(data, cache=cache, min_classes=1)
    place = {path: row for row, path in enumerate(manifest.paths)}
    rows = [row for row, path in enumerate(test.paths) if path in place]
    sound = [row for row in rows[:_PARITY_IMAGES] if _same(manifest, test, row)]
    if not sound:
        raise DataError(
            f"{data} has none of the test images as they were judged, which the joined model is "
            "held against: say where they are with --data"
        )
    return TestImages(manifest.take([place[test.paths[row]] for row in sound]), np.array(sound))


def _same(manifest: Manifest, test: JoinedAnswers, row: int) -> bool:
    content = manifest.container.read(test.paths[row])
    return test.digests[row] in ("", content_digest(content))


def write_joined(
    folder: Path, members: Members, pool: Pool, images: TestImages, test: dict[str, Any]
) -> BundleInfo:
    """Write one bundle that answers as all members together.

    Args:
        folder: The bundle's.
        members: What is joined.
        pool: How their answers become one.
        images: Some of the test images.
        test: Figures on the test split.

    Raises:
        BundleError: The graphs cannot be joined, or the joined one answers otherwise.
        StorageError: It cannot be written.
    """
    graph = write_model(folder, join_graphs(_graphs(members), pool))
    precisions = dict.fromkeys((_precision(members.bundles[0]), "f32"))
    parity = [_parity(graph, it, members, pool, images) for it in precisions]
    _check(parity[0], members)
    return write_info(
        folder,
        Joined(members.classes, pool.temperature),
        BundleFacts(
            geometry=largest(members.bundles).info.geometry,
            max_pixels=min(bundle.info.max_pixels for bundle in members.bundles),
            test=test,
            provenance=_provenance(members, pool),
            training_priors=shared_priors(members.bundles),
        ),
        parity,
    )


def largest(bundles: Sequence[Bundle]) -> Bundle:
    """Return the one that takes the largest squares."""
    return max(bundles, key=lambda bundle: bundle.info.geometry.size_px)


def shared_priors(bundles: Sequence[Bundle]) -> dict[str, float] | None:
    """Return the shares of the classes that all go by; ``None`` where they do not agree."""
    found = [bundle.info.training_priors for bundle in bundles]
    first = found[0]
    if first is None or any(it is None for it in found):
        return None
    same = all(
        it is not None and all(abs(it[name] - first[name]) < 1e-9 for name in first) for it in found
    )
    return first if same else None


def _graphs(members: Members) -> list[Member]:
    views = members.views or (None,) * len(members.bundles)
    return [
        Member(onnx.load(bundle.graph), bundle.info.geometry.size_px, view)
        for bundle, view in zip(members.bundles, views, strict=True)
    ]


def _precision(bundle: Bundle) -> str:
    return bundle.info.parity[0].precision if bundle.info.parity else "f32"


def _parity(
    graph: Path, precision: str, members: Members, pool: Pool, images: TestImages
) -> Parity:
    native = precision == _precision(members.bundles[0])
    count = _PARITY_IMAGES if native else _F32_IMAGES
    bundle = largest(members.bundles).info
    engine = OpenVinoEngine(graph, precision=precision)
    pipeline = ImagePipeline(engine, geometry=bundle.geometry, max_pixels=bundle.max_pixels)
    order = range(min(count, len(images.rows)))
    found = [
        (row, answer)
        for row, answer in pipeline.run(images.manifest, order)
        if not isinstance(answer, Rejected)
    ]
    rows = images.rows[[row for row, _ in found]]
    deployed = np.stack([answer for _, answer in found]).astype(np.float64)
    trained = pool.probabilities(members.test.answers[:, rows])
    return measure_parity(trained, deployed, precision=precision)


def _check(parity: Parity, members: Members) -> None:
    """Refuse a bundle that answers otherwise than its members.

    Raises:
        BundleError: A probability differs by more than the limit.
    """
    sizes = sorted({bundle.info.geometry.size_px for bundle in members.bundles})
    if parity.largest_difference > PARITY_LIMIT and len(sizes) > 1:
        raise BundleError(
            f"the members take squares of {' and '.join(map(str, sizes))} pixels, and made smaller "
            f"inside one graph they move a probability by {parity.largest_difference:.3f} (at "
            f"most {PARITY_LIMIT} is accepted): train them with one size, such as --set "
            f"data.image_size_px={sizes[-1]}"
        )
    check_parity(parity)


def _provenance(members: Members, pool: Pool) -> Provenance:
    made = [bundle.info.provenance for bundle in members.bundles]
    return Provenance(
        headstart=headstart.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=_each(it.backbone for it in made),
        weights_sha256=_each(it.weights_sha256 for it in made),
        weights_licence=_each(it.weights_licence for it in made),
        weights_origin=_each(it.weights_origin for it in made if it.weights_origin),
        taps=_each(it.taps for it in made),
        strength=0.0,
        head="ensemble",
        head_settings=pool_json(members, pool),
        head_choice=f"{pool.method} of {', '.join(it.head for it in made)}",
        seed=made[0].seed,
        trained_images=max(it.trained_images for it in made),
        data=_each(it.data for it in made),
    )


def _each(values: Any) -> str:
    return "+".join(dict.fromkeys(values))


def pool_json(members: Members, pool: Pool) -> dict[str, Any]:
    """Return how the members' answers become one, as plain values."""
    return {
        "method": pool.method,
        "weights": dict(zip(members.names, pool.weights.tolist(), strict=True)),
        "biases": dict(zip(members.classes, pool.biases.tolist(), strict=True)),
        "temperature": pool.temperature,
    }
