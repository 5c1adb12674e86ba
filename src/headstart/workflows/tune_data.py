"""The images of a search, with their features: training and validation, never the test's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.config import TrainConfig
from headstart.data.audit import check_rejected
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest
from headstart.errors import DataError
from headstart.heads.fitting import check_head
from headstart.progress import Progress
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.geometry_choice import choose_geometry
from headstart.workflows.preparation import PreparedData, prepare
from headstart.workflows.tune_record import TuneRecord
from headstart.workflows.tuning_data import TuningData


@dataclass(frozen=True)
class TuneData:
    """What a search sees.

    Attributes:
        tuning: Training and validation images with their features.
        featuriser: Where these came from.
        record: The search's, with the images' digest and geometry.
        notes: What was decided or is worth knowing.
    """

    tuning: TuningData
    featuriser: Featuriser
    record: TuneRecord
    notes: tuple[str, ...]


def load_data(config: TrainConfig, record: TuneRecord, progress: Progress) -> TuneData:
    """Audit, split and featurise images as ``headstart train`` does with the same settings.

    Args:
        config: Of the search.
        record: Of the search; what it knows of the images is held to.
        progress: Who is told.

    Raises:
        DataError: They cannot be used, or are not those the search began with.
        WeightsError: The backbone's weights are nowhere.
    """
    cache = Path(record.cache)
    prepared = prepare(record.data, config.data, seed=config.seed, cache=cache, progress=progress)
    record = record.with_data(prepared)
    featuriser = Featuriser(config, cache=cache, progress=progress)
    _ = featuriser.weights  # a download draws its own bar
    with progress.wait("building the backbone"):
        check_head(config.head, featuriser.graph.layout)
    geometry, reason = _geometry(prepared, config, record, featuriser)
    progress.say(f"geometry: {geometry.mode} ({reason})")
    tuning = _featurised(prepared, featuriser, geometry, config)
    record = record.model_copy(update={"geometry": geometry.mode, "reason": reason})
    return TuneData(tuning, featuriser, record, (*prepared.notes, *featuriser.notes))


def _pool(prepared: PreparedData) -> tuple[list[int], Manifest, list[str]]:
    """Return the rows that choices may see, their images and their digests."""
    rows = prepared.manifest.rows_in("train", "val").tolist()
    return rows, prepared.manifest.take(rows), [prepared.digests[row] for row in rows]


def _geometry(
    prepared: PreparedData, config: TrainConfig, record: TuneRecord, featuriser: Featuriser
) -> tuple[Geometry, str]:
    if record.geometry:
        return featuriser.geometry(record.geometry), record.reason
    _, manifest, digests = _pool(prepared)
    choice = choose_geometry(manifest, digests, config, featuriser)
    return choice.geometry, choice.reason


def _featurised(
    prepared: PreparedData, featuriser: Featuriser, geometry: Geometry, config: TrainConfig
) -> TuningData:
    rows, manifest, digests = _pool(prepared)
    featured = featuriser.featurise(manifest, digests, geometry)
    sound = prepared.without({rows[row]: bad for row, bad in featured.rejected.items()})
    check_rejected(
        sound.audit.rejected,
        prepared.counts,
        sound.manifest.class_counts(),
        allow_bad=config.data.allow_bad,
    )
    if not len(sound.manifest.rows_in("test")):
        raise DataError("no test image is left: add images, or make the test split larger")
    _, manifest, digests = _pool(sound)
    return TuningData(manifest, digests, featured.features, geometry)
