"""How sure the points of a learning curve are, and how they vary together.

Two things move a point: which images judged it, the same ones at every size, and which
images happened to be drawn to train it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def point_covariance(
    right: Sequence[Bools], sizes: Floats, folds: Ints, groups: Sequence[Hashable]
) -> Floats:
    """Return the covariance of the mean errors of a learning curve's sizes.

    What a bootstrap over judged images would come to is computed in closed form: images
    of one group are drawn together, and one draw serves all sizes. To this comes the
    variance between training draws, estimated where a size was drawn more than once, and
    taken to fall with the number of images, as the variance of whatever is estimated from
    them does.

    Args:
        right: For each size whether each judged image was answered right, shape (R, M)
            with as many repeats R as that size has; ascending sizes, S of them.
        sizes: Training images, shape (S,).
        folds: Which fold each judged image was held out in, shape (M,): each has training
            draws of its own.
        groups: Key of each judged image's group, length M.

    Returns:
        Shape (S, S).
    """
    means = np.stack([answers.mean(axis=0) for answers in right])
    by_images = _clustered(means - means.mean(axis=1, keepdims=True), groups)
    draws = np.array([len(np.unique(folds)) * len(answers) for answers in right])
    by_draws = _draw_variance(right, sizes, folds) * sizes[-1] / sizes / draws
    return by_images + np.diag(by_draws)


def _clustered(residuals: Floats, groups: Sequence[Hashable]) -> Floats:
    """Return the covariance of means over images that come in groups, (S, M) to (S, S)."""
    keys: dict[Hashable, int] = {}
    member = np.array([keys.setdefault(group, len(keys)) for group in groups])
    sums = np.zeros((len(residuals), len(keys)))
    np.add.at(sums.T, member, residuals.T)
    count = len(keys)
    covariance: Floats = sums @ sums.T / residuals.shape[1] ** 2
    return covariance * (count / max(1, count - 1))


def _draw_variance(right: Sequence[Bools], sizes: Floats, folds: Ints) -> float:
    """Return the variance of a fold's accuracy between training draws, at the largest size.

    Two draws judged on the same images differ by chance image for image as well; that
    part is in the covariance already, and is taken off.
    """
    found, weights = [], []
    for answers, size in zip(right, sizes, strict=True):
        for fold in np.unique(folds) if len(answers) > 1 else ():
            mine = answers[:, folds == fold].astype(float)
            excess = mine.mean(axis=1).var(ddof=1) - mine.var(axis=0, ddof=1).mean() / mine.shape[1]
            found.append(excess * size / sizes[-1])
            weights.append(len(answers) - 1)
    return max(0.0, float(np.average(found, weights=weights))) if found else 0.0
