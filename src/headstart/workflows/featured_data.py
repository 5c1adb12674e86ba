"""A run's data with its features, and a classifier fitted on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headstart.data.geometry import Geometry
from headstart.data.manifest import Split
from headstart.errors import DataError
from headstart.features.table import StoredFeatures
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeFit, ProbeTask
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.preparation import PreparedData, fold_keys
from headstart.workflows.tuning_data import TuningData


@dataclass(frozen=True)
class FeaturedData:
    """Prepared data with its features, row by row.

    Attributes:
        data: The images.
        features: Of each of them.
        computed: Forward passes made; the others were cached.
        agreement: How well the precision agrees with float32.

    Raises:
        DataError: No test image is left.
    """

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

    def probe_task(self, featuriser: Featuriser) -> ProbeTask:
        """Return what a head is fitted on: the pool."""
        pool, data = self.pool, self.data
        return ProbeTask(
            features=self.pool_features,
            layout=featuriser.graph.layout,
            targets=self.targets[pool],
            groups=fold_keys(data.manifest.take(pool), [data.digests[row] for row in pool]),
            classes=data.manifest.classes,
        )

    def tuning_data(self, geometry: Geometry) -> TuningData:
        """Return what fine-tuning may see: the pool, never the test split."""
        return TuningData(
            manifest=self.data.manifest.take(self.pool),
            digests=[self.data.digests[row] for row in self.pool],
            features=self.pool_features,
            geometry=geometry,
        )

    def featured_by(self, featuriser: Featuriser, split: Split, geometry: Geometry) -> FeaturedData:
        """Return the data with another network's features, computed for one more split."""
        rows = self.data.manifest.rows_in(split)
        found = featuriser.featurise(
            self.data.manifest.take(rows), [self.data.digests[row] for row in rows], geometry
        )
        return replace(
            self,
            features=replace(found.features, digests=self.features.digests),
            computed=self.computed + found.computed,
        )


@dataclass(frozen=True)
class Candidate:
    """A classifier that may be a run's result.

    Attributes:
        featuriser: Its network.
        featured: The data under that network.
        fit: Its head.
        geometry: How images become squares.
        learned_from: Splits whose labels it learned from.
    """

    featuriser: Featuriser
    featured: FeaturedData
    fit: ProbeFit
    geometry: Geometry
    learned_from: tuple[Split, ...] = ("train", "val")

    @property
    def is_fine_tuned(self) -> bool:
        """Whether its network was trained: that learns from the training images alone."""
        return "val" not in self.learned_from
