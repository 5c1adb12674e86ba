"""Crop or squash? A short trial on training images answers better than a convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headstart.config import TrainConfig
from headstart.config.schema import GeometryMode
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeTask, cross_validate
from headstart.selection.sampling import stratified_sample
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.preparation import fold_keys

_TRIED: Final[tuple[GeometryMode, ...]] = ("squash", "crop")
_LEAST_IMAGES = 60
_IMAGES = 400
_IMAGES_A_CLASS = 10
_MOST_IMAGES = 4000


@dataclass(frozen=True)
class GeometryChoice:
    """The geometry of a run, and why."""

    geometry: Geometry
    reason: str

    @property
    def words(self) -> str:
        """The choice in a line."""
        return f"geometry: {self.geometry.mode} ({self.reason})"


def choose_geometry(
    manifest: Manifest, digests: Sequence[str], config: TrainConfig, featuriser: Featuriser
) -> GeometryChoice:
    """Settle how images become squares.

    ``auto`` compares squashing the whole image with the backbone's own central crop by
    cross-validated likelihood on a stratified sample of the training images. The
    sample's features stay in the cache, so the winner's are not computed again.

    Args:
        manifest: Training and validation images; never the test split.
        digests: Content digest of each row.
        config: The run's settings.
        featuriser: Where features come from.
    """
    wanted = config.data.geometry
    if wanted != "auto":
        return GeometryChoice(featuriser.geometry(wanted), "as configured")
    if len(manifest) < _LEAST_IMAGES:
        reason = f"{len(manifest)} training images are too few for a trial"
        return GeometryChoice(featuriser.geometry("squash"), reason)
    rows = _sample(manifest, config.seed)
    sample, sample_digests = manifest.take(rows), [digests[row] for row in rows]
    scores = {mode: _score(sample, sample_digests, config, featuriser, mode) for mode in _TRIED}
    best = min(_TRIED, key=lambda mode: scores[mode])
    figures = ", ".join(f"{mode} {scores[mode]:.3f}" for mode in _TRIED)
    reason = f"cross-validated NLL on {len(rows)} training images: {figures}"
    return GeometryChoice(featuriser.geometry(best), reason)


def _score(
    sample: Manifest,
    digests: Sequence[str],
    config: TrainConfig,
    featuriser: Featuriser,
    mode: GeometryMode,
) -> float:
    featured = featuriser.featurise(sample, digests, featuriser.geometry(mode))
    kept = [row for row in range(len(sample)) if row not in featured.rejected]
    sound, digests = sample.take(kept), [digests[row] for row in kept]
    task = ProbeTask(
        features=featured.features,
        layout=featuriser.graph.layout,
        targets=sound.label_indices(sound.classes),
        groups=fold_keys(sound, digests),
        classes=sound.classes,
    )
    return cross_validate(task, config.head, seed=config.seed).nll


def _sample(manifest: Manifest, seed: int) -> Indices:
    classes = manifest.classes
    most = min(max(_IMAGES, _IMAGES_A_CLASS * len(classes)), _MOST_IMAGES)
    return stratified_sample(manifest.label_indices(classes), most, seed)
