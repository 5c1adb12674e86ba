"""Support vector machines: one class against the rest, linear or with a Gaussian kernel.

The margins become probabilities by temperature scaling on held-out images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from headstart.config import HeadConfig
from headstart.heads.base import Head, Logits
from headstart.heads.folds import Indices
from headstart.heads.hinge import fit_hinge
from headstart.heads.kernel import KernelHead, squared_distances
from headstart.heads.linear import LinearHead
from headstart.heads.presets import RbfSettings, SvmSettings
from headstart.heads.probe import ProbeFit, ProbeTask
from headstart.heads.projected import Axes, Matrix, fit_axes, take_rows
from headstart.heads.scoring import RowWeights, row_weights
from headstart.heads.search import Found, Search, best_of
from headstart.parallel import cpu_count, ordered_map
from headstart.progress import Progress

_LINEAR_RANK = 512
_RBF_RANK = 128
"""On TrashNet the held-out likelihood with 128 axes is as good as with 512."""
_LINEAR_ROWS = 50_000
_RBF_ROWS = 6_000
"""The kernel of every pair is in memory: 8 bytes each."""
_EXACTLY = 1e-3
_ROUGHLY = 1e-2
"""Of held-out answers: margins move by .006 at most (TrashNet), in a third fewer steps."""
_LINEAR_COSTS = (0.1, 1.0, 10.0)
_RBF_COSTS = (1.0, 10.0, 100.0)
_GAMMAS = (0.3, 1.0, 3.0)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Margin:
    """One setting: the cost of a violated margin, and the kernel's width or none."""

    cost: float
    gamma: float | None = None

    @property
    def described(self) -> str:
        """In words: ``"C 10, gamma 1"``."""
        width = "" if self.gamma is None else f", gamma {self.gamma:g}"
        return f"C {self.cost:g}{width}"


def fit_svm(
    task: ProbeTask,
    settings: SvmSettings,
    config: HeadConfig,
    *,
    taps: Sequence[str],
    seed: int,
    progress: Progress,
) -> ProbeFit:
    """Choose taps, C and gamma by cross-validation, then fit on every row.

    Features are standardised and turned onto their leading principal axes, scaled so that
    their variances sum to about 1: gamma 1 is what scikit-learn calls ``"scale"``, and C
    is about the number of features times smaller than on plain standardised ones.

    Args:
        task: Features, targets and groups.
        settings: Kernel, and what is fixed.
        config: Folds and class weights.
        taps: Tap sets to choose from.
        seed: Seed of folds, samples and solvers.
        progress: Who is told.
    """
    rbf = isinstance(settings, RbfSettings)
    rows, note = take_rows(task, _RBF_ROWS if rbf else _LINEAR_ROWS, seed)
    space = _RbfSpace if rbf else _LinearSpace
    search = margin_search(task, settings, config, seed=seed)
    grid = _grid(settings)
    tried = search.choose(taps, grid, progress)
    best = best_of(tried) if tried else None
    with progress.wait("fitting the head"):
        chosen = search.judge(*((best.taps, best.setting) if best else (taps[0], grid[0])))
        weights = row_weights(task.targets[rows], config.class_weight)
        head = space(task, chosen.taps, rows, seed).head(chosen, weights)
    return _result(head, tried, chosen, "support vectors" if rbf else "linear SVM", note)


def margin_search(
    task: ProbeTask, settings: SvmSettings, config: HeadConfig, *, seed: int
) -> Search[Margin]:
    """Return the cross-validation that :func:`fit_svm` goes by."""
    rbf = isinstance(settings, RbfSettings)
    rows, _ = take_rows(task, _RBF_ROWS if rbf else _LINEAR_ROWS, seed)
    space = _RbfSpace if rbf else _LinearSpace
    return Search(task, config, rows, lambda name, some: space(task, name, some, seed), seed)


def _grid(settings: SvmSettings) -> list[Margin]:
    if not isinstance(settings, RbfSettings):
        return [Margin(cost) for cost in _given(settings.C, _LINEAR_COSTS)]
    pairs = product(_given(settings.C, _RBF_COSTS), _given(settings.gamma, _GAMMAS))
    return [Margin(*pair) for pair in pairs]


def _given(value: float | None, grid: tuple[float, ...]) -> tuple[float, ...]:
    return grid if value is None else (value,)


def _result(
    head: Head, tried: list[Found[Margin]], chosen: Found[Margin], kind: str, note: str
) -> ProbeFit:
    candidates = [found.candidate(found.setting.described) for found in (*tried, chosen)]
    return ProbeFit(
        head=head,
        candidates=tuple(candidates),
        chosen=candidates[-1],
        held_out_rows=chosen.rows,
        held_out_logits=chosen.logits,
        kind=kind,
        notes=(note,) if note else (),
    )


class _Projected:
    """What both kernels start from."""

    def __init__(self, task: ProbeTask, taps: str, rows: Indices, seed: int, rank: int) -> None:
        self._task = task
        self._seed = seed
        self._rows = rows
        self._axes: Axes = fit_axes(task, taps, rows, rank=rank, whitening=0.0, seed=seed)
        columns = task.layout.columns(self._axes.outputs)
        self._points: Matrix = self._axes.apply(task.features, rows, columns)


class _LinearSpace(_Projected):
    def __init__(self, task: ProbeTask, taps: str, rows: Indices, seed: int) -> None:
        super().__init__(task, taps, rows, seed, _LINEAR_RANK)

    def held_out(
        self, setting: Margin, kept: Indices, held: Indices, targets: Indices, weights: RowWeights
    ) -> Logits:
        weight, bias = self._fit(setting, kept, targets[kept], weights[kept])
        return np.asarray(self._points[held] @ weight + bias, np.float64)

    def head(self, chosen: Found[Margin], weights: RowWeights) -> LinearHead:
        every = np.arange(len(self._rows))
        weight, bias = self._fit(chosen.setting, every, self._task.targets[self._rows], weights)
        return LinearHead(
            classes=self._task.classes,
            taps=self._axes.taps,
            outputs=self._axes.outputs,
            weight=(self._axes.weight @ weight).astype(np.float32),
            bias=(self._axes.bias @ weight + bias).astype(np.float32),
            temperature=chosen.score.temperature,
        )

    def _fit(
        self, setting: Margin, kept: Indices, targets: Indices, weights: RowWeights
    ) -> tuple[Doubles, Doubles]:
        weight, bias = fit_hinge(
            torch.from_numpy(self._points[kept]),
            torch.from_numpy(targets),
            classes=len(self._task.classes),
            weights=torch.from_numpy(weights),
            cost=setting.cost,
        )
        return weight.double().numpy(), bias.double().numpy()


class _RbfSpace(_Projected):
    def __init__(self, task: ProbeTask, taps: str, rows: Indices, seed: int) -> None:
        super().__init__(task, taps, rows, seed, _RBF_RANK)
        self._distances = squared_distances(self._points, self._points)
        self._kernel: tuple[float, Doubles] | None = None

    def held_out(
        self, setting: Margin, kept: Indices, held: Indices, targets: Indices, weights: RowWeights
    ) -> Logits:
        dual, bias = self._fit(setting, kept, targets[kept], weights[kept], tolerance=_ROUGHLY)
        return np.asarray(self._kernel_of(setting)[held][:, kept] @ dual + bias, np.float64)

    def head(self, chosen: Found[Margin], weights: RowWeights) -> KernelHead:
        assert chosen.setting.gamma is not None
        every = np.arange(len(self._rows))
        targets = self._task.targets[self._rows]
        dual, bias = self._fit(chosen.setting, every, targets, weights, tolerance=_EXACTLY)
        support = np.flatnonzero(np.abs(dual).max(axis=1) > 0)
        return KernelHead(
            classes=self._task.classes,
            axes=self._axes,
            support=self._points[support],
            dual=dual[support].astype(np.float32),
            bias=bias.astype(np.float32),
            gamma=chosen.setting.gamma,
            temperature=chosen.score.temperature,
        )

    def _kernel_of(self, setting: Margin) -> Doubles:
        assert setting.gamma is not None
        if self._kernel is None or self._kernel[0] != setting.gamma:
            self._kernel = (setting.gamma, np.exp(-setting.gamma * self._distances))
        return self._kernel[1]

    def _fit(
        self,
        setting: Margin,
        kept: Indices,
        targets: Indices,
        weights: RowWeights,
        *,
        tolerance: float,
    ) -> tuple[Doubles, Doubles]:
        from sklearn import config_context
        from sklearn.svm import SVC

        def fit_class(label: int) -> tuple[Doubles, float]:
            if not (mine := targets == label).any():
                return np.zeros(len(kept)), -1.0
            machine = SVC(
                C=setting.cost,
                kernel="precomputed",
                cache_size=200,
                tol=tolerance,
                shrinking=False,  # the same steps, a fifth faster
            )
            with config_context(assume_finite=True):  # looking through it is a tenth of the time
                machine.fit(kernel, mine, sample_weight=weights)
            dual = np.zeros(len(kept))
            dual[machine.support_] = machine.dual_coef_[0]
            return dual, float(machine.intercept_[0])

        kernel = np.take(self._kernel_of(setting)[kept], kept, axis=1)
        fitted = _each_class(fit_class, len(self._task.classes))
        return np.stack([d for d, _ in fitted], axis=1), np.array([b for _, b in fitted])


def _each_class(
    fit_class: Callable[[int], tuple[Doubles, float]], classes: int
) -> list[tuple[Doubles, float]]:
    """Fit every class on threads: both solvers release the interpreter lock."""
    threads = cpu_count()
    return list(ordered_map(fit_class, range(classes), threads=threads, lookahead=2 * threads))
