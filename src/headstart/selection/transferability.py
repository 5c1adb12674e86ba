"""Scores that say how well features suit a task, in closed form: nothing is trained.

All are functions of how the class indicators lie along the principal axes of the
features, so one decomposition serves every class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from headstart.heads.folds import Indices

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_ROUNDING: Final = 1e-12
"""Squared singular values below this share of the largest are rounding errors."""
_STEPS: Final = 500
_CLOSE: Final = 1e-6
_LEAST: Final = 1e-12


def log_evidence(features: Vectors, targets: Indices) -> float:
    """Return LogME: the log evidence of a Bayesian linear model, a row and class.

    The indicator y of each class is modelled as ``y ~ N(F w, 1 / beta)`` with
    ``w ~ N(0, 1 / alpha)``; alpha and beta are those that make y most likely, found by
    the fixed-point iteration on the spectrum of F. Higher is better; only differences
    on the same images mean anything.

    You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for
    Transfer Learning", ICML 2021, arXiv:2102.11005; the iteration is that of You et
    al., "Ranking and Tuning Pre-trained Models", JMLR 23 (2022), arXiv:2110.10545.

    Args:
        features: Shape (N, D), not centred, as in the papers.
        targets: Class of each row, shape (N,).
    """
    spectrum = _decompose(np.asarray(features, dtype=np.float64), targets)
    ratio = _fixed_point(spectrum)
    return float(_evidence(spectrum, ratio).mean() / len(targets))


@dataclass(frozen=True, slots=True)
class HScores:
    """How far apart the classes lie in the features, in two estimates.

    Attributes:
        plain: Trace of ``pinv(cov(F)) cov(E[F | class])``. Bao et al., "An
            Information-Theoretic Approach to Transferability in Task Transfer Learning",
            ICIP 2019, doi:10.1109/ICIP.2019.8803726. Between 0 and one less than the
            number of classes; it reaches that whatever the features are worth once there
            are as many of them as rows.
        shrunk: The same with a well-conditioned covariance,
            ``(1 - s) trace(inv(cov_s(F)) cov(E[F | class]))``. Ibrahim, Ponomareva and
            Mazumder, "Newer is not always better: Rethinking transferability metrics,
            their peculiarities, stability and performance", ECML PKDD 2022,
            arXiv:2110.06893. There ``cov_s = (1 - s) cov + s mean(diag(cov)) I``, s as in
            Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
            matrices", J. Multivariate Anal. 88 (2004), doi:10.1016/S0047-259X(03)00096-4.
    """

    plain: float
    shrunk: float


def h_scores(features: Vectors, targets: Indices) -> HScores:
    """Return both H-scores. Higher is better.

    Args:
        features: Shape (N, D).
        targets: Class of each row, shape (N,).
    """
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    spectrum = _decompose(centred, targets)
    shares = (spectrum.shared / spectrum.counts).sum(axis=1)
    variance = spectrum.energy / len(targets)
    shrinkage = _shrinkage(centred, variance)
    floor = shrinkage * variance.sum() / centred.shape[1]
    kept = (1 - shrinkage) * variance / ((1 - shrinkage) * variance + floor)
    return HScores(plain=float(shares.sum()), shrunk=float(kept @ shares))


@dataclass(frozen=True)
class _Spectrum:
    """Features and class indicators along the left singular vectors of the features.

    Attributes:
        energy: Squared singular values, all above zero, shape (R,).
        shared: Squared share of each class's indicator along each vector, shape (R, K).
        counts: Rows of each class, shape (K,).
    """

    energy: Floats
    shared: Floats
    counts: Floats

    @property
    def rest(self) -> Floats:
        """Squared length of each indicator that no vector explains, shape (K,)."""
        rest: Floats = np.maximum(self.counts - self.shared.sum(axis=0), 0.0)
        return rest


def _decompose(features: Floats, targets: Indices) -> _Spectrum:
    classes, members, counts = np.unique(targets, return_inverse=True, return_counts=True)
    indicators = (members[:, None] == np.arange(len(classes))).astype(np.float64)
    tall = features.shape[0] > features.shape[1]
    matrix = torch.from_numpy(features)
    gram = matrix.T @ matrix if tall else matrix @ matrix.T
    energy, axes = (part.numpy() for part in torch.linalg.eigh(gram))
    kept = energy > _ROUNDING * max(float(energy[-1]), np.finfo(np.float64).tiny)
    energy, axes = energy[kept], axes[:, kept]
    along = axes.T @ (features.T @ indicators) if tall else axes.T @ indicators
    shared = along * along / energy[:, None] if tall else along * along
    return _Spectrum(energy, shared, counts.astype(np.float64))


def _fixed_point(spectrum: _Spectrum) -> Floats:
    """Return alpha / beta of each class, shape (K,)."""
    rows = spectrum.counts.sum()
    energy = spectrum.energy[:, None]
    ratio = np.ones(len(spectrum.counts))
    for _ in range(_STEPS):
        explained = energy / (energy + ratio)
        dimensions = explained.sum(axis=0)
        weights = (explained * explained / energy * spectrum.shared).sum(axis=0)
        misses = ((1 - explained) ** 2 * spectrum.shared).sum(axis=0) + spectrum.rest
        alpha = dimensions / np.maximum(weights, _LEAST)
        beta = (rows - dimensions) / np.maximum(misses, _LEAST)
        before, ratio = ratio, alpha / np.maximum(beta, _LEAST)
        if (np.abs(ratio - before) <= _CLOSE * before).all():
            break
    return ratio


def _evidence(spectrum: _Spectrum, ratio: Floats) -> Floats:
    """Return each class's log evidence at its alpha / beta, shape (K,).

    At a given ratio the best beta is known: ``rows`` over the misfit, penalty included.
    """
    rows = spectrum.counts.sum()
    energy = spectrum.energy[:, None]
    misfit = (ratio / (energy + ratio) * spectrum.shared).sum(axis=0) + spectrum.rest
    beta = rows / np.maximum(misfit, _LEAST)
    volume = np.log1p(energy / ratio).sum(axis=0)
    evidence: Floats = 0.5 * (rows * np.log(beta / (2 * np.pi)) - volume - rows)
    return evidence


def _shrinkage(centred: Floats, variance: Floats) -> float:
    """Return how far Ledoit and Wolf pull a covariance towards the identity, 0 to 1."""
    rows, columns = centred.shape
    mean = variance.sum() / columns
    spread = (variance @ variance) / columns - mean * mean
    lengths = (centred * centred).sum(axis=1)
    noise = ((lengths @ lengths) / rows - variance @ variance) / (rows * columns)
    return 0.0 if noise <= 0 or spread <= 0 else float(min(noise, spread) / spread)
