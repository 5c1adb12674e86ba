"""scikit-learn's interface: ``fit``, ``predict``, ``predict_proba``, ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from headstart.config import TrainConfig, build_config, cache_dir
from headstart.data.digest import content_digest
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest
from headstart.errors import DataError, listed
from headstart.evaluation.calibration import softmax
from headstart.features.table import FeatureTable
from headstart.heads.base import Head
from headstart.heads.fitting import check_head, fit_head
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeTask
from headstart.progress import Silent
from headstart.serving.predictor import Images, as_manifest
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.geometry_choice import choose_geometry
from headstart.workflows.preparation import fold_keys


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A calibrated classifier on a pretrained backbone.

    Works wherever scikit-learn's classifiers do; features are cached by content, so
    cross-validation runs the backbone once an image, not once a fold.

    Args:
        backbone: Name of a pretrained network.
        head: Name of a classifier: ``"linear"``, ``"svm"``, ``"knn"``, ``"gap-1024-512"`` ...
        head_settings: Settings of that head besides those below: ``{"C": 1.0}``.
        geometry: ``"auto"``, ``"crop"``, ``"pad"`` or ``"squash"``.
        image_size_px: Side of the square; the backbone's own where not given.
        taps: ``"auto"`` or the name of a tap set.
        strength: L2 penalty; chosen by cross-validation where not given.
        class_weight: ``"balanced"`` counts every class the same.
        precision: ``"auto"``, ``"bf16"`` or ``"f32"``.
        weights: File of the backbone's weights, or ``"none"``: random ones; its own where
            not given.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        random_state: Seed of folds and trials.

    Attributes:
        classes_: The labels, sorted, shape (K,).

    Example:
        >>> from headstart import ImageClassifier
        >>> ImageClassifier(backbone="efficientnet_lite2").get_params()["backbone"]
        'efficientnet_lite2'
    """

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        *,
        head: str = "linear",
        head_settings: Mapping[str, Any] | None = None,
        geometry: str = "auto",
        image_size_px: int | None = None,
        taps: str = "auto",
        strength: float | None = None,
        class_weight: str | None = None,
        precision: str = "auto",
        weights: str | None = None,
        cache: str | Path | None = None,
        random_state: int = 0,
    ) -> None:
        self.backbone = backbone
        self.head = head
        self.head_settings = head_settings
        self.geometry = geometry
        self.image_size_px = image_size_px
        self.taps = taps
        self.strength = strength
        self.class_weight = class_weight
        self.precision = precision
        self.weights = weights
        self.cache = cache
        self.random_state = random_state

    def fit(self, X: Images, y: Sequence[Any]) -> ImageClassifier:
        """Fit to images and their labels.

        Args:
            X: Paths, or uint8 images of shape (H, W, 3) or (H, W), N of them.
            y: Label of each image, length N: text or numbers.

        Raises:
            DataError: An image cannot be read, labels do not fit, or fewer than two classes.
            ConfigError: A parameter is wrong.
        """
        config = self._config()
        check_head(config.head)
        manifest, digests = _read(X)
        classes, targets = _check_labels(y, images=len(manifest))
        names = tuple(str(label) for label in classes)
        labelled = _labelled(manifest, [names[target] for target in targets])
        featuriser = self._featuriser(config)
        check_head(config.head, featuriser.graph.layout)
        geometry = choose_geometry(labelled, digests, config, featuriser).geometry
        task = ProbeTask(
            features=_features(featuriser, manifest, digests, geometry),
            layout=featuriser.graph.layout,
            targets=targets,
            groups=fold_keys(labelled, digests),
            classes=names,
        )
        fit = fit_head(task, config.head, seed=config.seed, progress=Silent())
        self.classes_ = classes
        self._geometry: Geometry = geometry
        self._head: Head = fit.head
        return self

    def predict_proba(self, X: Images) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities, shape (N, K), columns as ``classes_``.

        Raises:
            DataError: An image cannot be read.
        """
        if not hasattr(self, "_head"):
            raise NotFittedError("this ImageClassifier is not fitted yet: call fit first")
        manifest, digests = _read(X)
        featuriser = self._featuriser(self._config())
        features = _features(featuriser, manifest, digests, self._geometry)
        rows = np.arange(len(features))
        logits = self._head.logits(features, rows, featuriser.graph.layout)
        return softmax(logits, self._head.temperature)

    def predict(self, X: Images) -> npt.NDArray[Any]:
        """Return the most probable label of each image, shape (N,)."""
        probabilities = self.predict_proba(X)
        best: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return best

    def _config(self) -> TrainConfig:
        return build_config(
            {
                "seed": self.random_state,
                "backbone": {"name": self.backbone, "weights": self.weights},
                "data": {"geometry": self.geometry, "image_size_px": self.image_size_px},
                "engine": {"precision": self.precision},
                "head": {
                    **(self.head_settings or {}),
                    "name": self.head,
                    "taps": self.taps,
                    "strength": self.strength,
                    "class_weight": self.class_weight,
                },
            }
        )

    def _featuriser(self, config: TrainConfig) -> Featuriser:
        return Featuriser(config, cache=cache_dir(self.cache), progress=Silent())


def _features(
    featuriser: Featuriser, manifest: Manifest, digests: Sequence[str], geometry: Geometry
) -> FeatureTable:
    featured = featuriser.featurise(manifest, digests, geometry)
    if featured.rejected:
        bad = [f"{rejected.path} ({rejected.reason})" for rejected in featured.rejected.values()]
        raise DataError(f"{len(bad)} of {len(manifest)} images cannot be read: {listed(bad)}")
    return featured.features


def _check_labels(y: Sequence[Any], *, images: int) -> tuple[npt.NDArray[Any], Indices]:
    """Return the classes, sorted, and each image's position among them."""
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != images:
        raise DataError(
            f"{images} images but labels of shape {labels.shape}: expected one label an image"
        )
    try:
        classes, targets = np.unique(labels, return_inverse=True)
    except TypeError as error:
        kinds = listed(sorted({type(label).__name__ for label in labels}))
        raise DataError(f"labels of different kinds ({kinds}): expected text or numbers") from error
    if len(classes) < 2:
        raise DataError(f"only the class {labels[0]} occurs: a classifier needs at least two")
    return classes, targets.astype(np.int64)


def _read(images: Images) -> tuple[Manifest, list[str]]:
    manifest = as_manifest(images)
    bad: list[str] = []
    digests: list[str] = []
    for path in manifest.paths:
        try:
            digests.append(content_digest(manifest.container.read(path)))
        except DataError as error:
            bad.append(f"{path} ({error})")
    if bad:
        raise DataError(f"{len(bad)} of {len(manifest)} images cannot be read: {listed(bad)}")
    return manifest, digests


def _labelled(manifest: Manifest, labels: Sequence[str]) -> Manifest:
    return Manifest(
        manifest.container, manifest.paths, tuple(labels), manifest.splits, manifest.groups
    )
