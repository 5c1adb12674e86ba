"""Heads judged on the same held-out rows again and again.

What many settings share is computed once: features on their principal axes, distances,
inner products. No head is fitted to all rows, since only the answers are wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from headstart.config import HeadConfig
from headstart.features.table import Indices
from headstart.heads.fitting import check_head, fit_head, is_settled
from headstart.heads.presets import (
    DenseSettings,
    KnnSettings,
    LinearSettings,
    SvmSettings,
    resolve_settings,
    taps_wanted,
)
from headstart.heads.probe import HeldOut, ProbeTask, judge_strength
from headstart.heads.projection import RANK, Reduced
from headstart.heads.reduction import Reducer
from headstart.heads.search import Search, Space
from headstart.progress import Silent

_MOST_NUMBERS: Final = 1 << 28
"""Largest table of reduced features that is kept: 1 GB."""


class HeadBench:
    """Judges heads as :func:`headstart.heads.fitting.fit_head` does, row for row.

    Args:
        task: Features, targets and groups of training and validation images.
        seed: Seed of folds, projections and solvers: the same folds for every head.
    """

    def __init__(self, task: ProbeTask, *, seed: int) -> None:
        self._task = task
        self._seed = seed
        self._reducer = _Remembering(task.features, task.layout, seed=seed)
        self._searches: dict[str, Search[Any]] = {}

    def judge(self, config: HeadConfig) -> HeldOut:
        """Return the answers of one head to rows that it had not seen.

        Args:
            config: Where it leaves something to choose, cross-validation chooses first.

        Raises:
            UnknownNameError: No such head, or no such tap set.
            ConfigError: A setting that the head does not take, or cannot.
        """
        check_head(config, self._task.layout)
        if not is_settled(config):
            fit = fit_head(self._task, config, seed=self._seed, progress=Silent())
            return HeldOut(fit.chosen, fit.held_out_rows, fit.held_out_logits)
        settings = resolve_settings(config)
        if isinstance(settings, LinearSettings):
            return judge_strength(self._task, config, seed=self._seed, reducer=self._reducer)
        if isinstance(settings, DenseSettings):
            return self._judge_dense(settings, config)
        return self._judge_searched(settings, config)

    def _judge_dense(self, settings: DenseSettings, config: HeadConfig) -> HeldOut:
        from headstart.heads.dense_training import judge_dense

        taps = taps_wanted(config)
        return judge_dense(self._task, settings, config, taps=taps, seed=self._seed)

    def _judge_searched(self, settings: SvmSettings | KnnSettings, config: HeadConfig) -> HeldOut:
        setting = _setting(settings, len(self._task.targets))
        kind = type(settings).__name__
        if kind not in self._searches:
            search = self._search(settings, config)
            self._searches[kind] = replace(search, space=_remembered(search.space))
        search = replace(self._searches[kind], config=config)
        found = search.judge(taps_wanted(config), setting)
        return HeldOut(found.candidate(setting.described), found.rows, found.logits)

    def _search(self, settings: SvmSettings | KnnSettings, config: HeadConfig) -> Search[Any]:
        from headstart.heads.knn import vote_search
        from headstart.heads.svm import margin_search

        if isinstance(settings, KnnSettings):
            return vote_search(self._task, config, seed=self._seed)
        return margin_search(self._task, settings, config, seed=self._seed)


def _setting(settings: SvmSettings | KnnSettings, images: int) -> Any:
    """Return the one point of the grid that settled settings mean."""
    from headstart.heads.knn import Votes, check_votes
    from headstart.heads.svm import Margin

    if isinstance(settings, KnnSettings):
        check_votes(settings, images)
        assert settings.neighbours is not None
        return Votes(settings.neighbours, settings.weights)
    assert settings.C is not None
    return Margin(settings.C, getattr(settings, "gamma", None))


def _remembered(space: Callable[[str, Indices], Space[Any]]) -> Callable[[str, Indices], Any]:
    known: dict[tuple[str, bytes], Space[Any]] = {}

    def build(taps: str, rows: Indices) -> Space[Any]:
        key = (taps, rows.tobytes())
        if key not in known:
            known[key] = space(taps, rows)
        return known[key]

    return build


class _Remembering(Reducer):
    """A reducer that keeps what it has reduced, unless that is very large."""

    def reduce(self, outputs: tuple[str, ...], rows: Indices, *, rank: int = RANK) -> Reduced:
        key = (outputs, rows.tobytes(), rank)
        if key in self._known:
            return self._known[key]
        reduced = super().reduce(outputs, rows, rank=rank)
        if reduced.values.numel() <= _MOST_NUMBERS:
            self._known[key] = reduced
        return reduced

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._known: dict[tuple[tuple[str, ...], bytes, int], Reduced] = {}
