"""The images that fine-tuning and its choices may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.backbones.layout import FeatureLayout
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Split
from headstart.features.table import StoredFeatures
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeTask
from headstart.workflows.preparation import fold_keys


@dataclass(frozen=True)
class TuningData:
    """What fine-tuning may see: never the test split.

    Attributes:
        manifest: Training and validation images.
        digests: Content digest of each.
        features: Their features under the pretrained backbone.
        geometry: How images become squares when the model is deployed.
    """

    manifest: Manifest
    digests: Sequence[str]
    features: StoredFeatures
    geometry: Geometry

    def rows(self, split: Split) -> Indices:
        """Return the rows of a split."""
        return self.manifest.rows_in(split)

    def targets(self) -> Indices:
        """Return the class of each row."""
        return self.manifest.label_indices(self.manifest.classes)

    def features_of(self, rows: Indices) -> StoredFeatures:
        """Return the features of some rows."""
        return replace(self.features, digests=[self.features.digests[row] for row in rows])

    def probe_task(self, rows: Indices, layout: FeatureLayout) -> ProbeTask:
        """Return what a head is fitted to, on some rows."""
        return ProbeTask(
            features=self.features_of(rows),
            layout=layout,
            targets=self.targets()[rows],
            groups=fold_keys(self.manifest.take(rows), [self.digests[row] for row in rows]),
            classes=self.manifest.classes,
        )
