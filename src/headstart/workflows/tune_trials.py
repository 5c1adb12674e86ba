"""How a trial is judged: on answers to images that its model had not seen, never the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from headstart.config import TrainConfig
from headstart.config.search_space import Space, Value
from headstart.evaluation.counts import ClassCounts
from headstart.evaluation.metrics import f1_macro
from headstart.features.table import ArrayFeatures, FeatureTable
from headstart.heads.bench import HeadBench
from headstart.heads.folds import Indices
from headstart.heads.presets import head_settings
from headstart.heads.probe import HeldOut, ProbeTask
from headstart.workflows.contest import Contest, Logits, calibrated_losses, hold_against
from headstart.workflows.tune_record import Metric

_IN_MEMORY_BYTES: Final = 4 << 30
_OTHER_FOLDS: Final = 7919
"""Added to the seed for folds that no trial was judged on."""

Report = Callable[[float, int], None]
"""Takes the validation loss after an epoch, from 1; what it raises ends the trial."""


@dataclass(frozen=True)
class Answered:
    """What a trial's model said of images that it had not seen.

    Attributes:
        rows: Which, among training and validation images, ascending, shape (M,).
        logits: Shape (M, K).
        choice: What it came to, in words.
        chosen: Settings that it chose by itself.
    """

    rows: Indices
    logits: Logits
    choice: str
    chosen: Mapping[str, Value] = field(default_factory=dict)


class TrialJudge(Protocol):
    """Judges configurations that differ in a search's dimensions."""

    def judge(self, config: TrainConfig, report: Report) -> Answered:
        """Return what a configuration's model says."""
        ...

    def place(self, config: TrainConfig, answered: Answered, space: Space) -> dict[str, Value]:
        """Return where a configuration lies in the space, as far as it does."""
        ...

    def keep(self, number: int, answered: Answered) -> None:
        """Remember what will be wanted of a trial when all are over."""
        ...

    def confirm(self, best: tuple[int, TrainConfig], default: TrainConfig, seen: int) -> Contest:
        """Hold the best trial against the default.

        Args:
            best: Its number and configuration.
            default: The configuration of trial 0.
            seen: How many trials the best one was chosen from.
        """
        ...


def figures_of(answered: Answered, targets: Indices, classes: int) -> dict[str, float]:
    """Return a trial's figures by metric, and how many images they are of.

    Args:
        answered: What its model said.
        targets: Class of every row, shape (N,).
        classes: How many there are.
    """
    mine, said = targets[answered.rows], answered.logits.argmax(axis=1)
    counts = ClassCounts.of_predictions(said, mine, classes=classes)
    return {
        "log-loss": float(calibrated_losses(answered.logits, mine).mean()),
        "accuracy": float((said == mine).mean()),
        "f1": float(f1_macro(counts)),
    }


def minimised(figures: Mapping[str, float], metric: Metric) -> float:
    """Return what a search makes small."""
    return figures[metric] if metric == "log-loss" else 1 - figures[metric]


def in_memory(table: FeatureTable, dim: int) -> FeatureTable:
    """Return features read once, where there is room for them."""
    if 2 * len(table) * dim > _IN_MEMORY_BYTES:
        return table
    return ArrayFeatures(table.read(np.arange(len(table)), np.arange(dim)))


class HeadTrials:
    """Heads on cached features, judged as ``headstart train`` chooses among heads.

    Args:
        task: Training and validation images.
        seed: Of the run: the folds are those of its cross-validation.
    """

    def __init__(self, task: ProbeTask, *, seed: int) -> None:
        self._task = replace(task, features=in_memory(task.features, task.layout.dim))
        self._seed = seed
        self._bench = HeadBench(self._task, seed=seed)

    def judge(self, config: TrainConfig, report: Report) -> Answered:
        """Cross-validate a head. See :class:`TrialJudge`."""
        del report
        held = self._bench.judge(config.head)
        found = held.candidate
        chosen: dict[str, Value] = {"head.taps": found.taps}
        if found.strength and not config.head.l2:
            chosen["head.strength"] = found.strength
        choice = f"taps '{found.taps}', {found.described}"
        return Answered(held.rows, held.logits, choice, chosen)

    def place(self, config: TrainConfig, answered: Answered, space: Space) -> dict[str, Value]:
        """Return the head's settings, those that it chose among them."""
        known = {"name": config.head.name, **head_settings(config.head)}
        settings = {f"head.{key}": value for key, value in known.items()}
        return within(space, settings | dict(answered.chosen))

    def keep(self, number: int, answered: Answered) -> None:
        """Remember nothing: answers come again in a moment."""

    def confirm(self, best: tuple[int, TrainConfig], default: TrainConfig, seen: int) -> Contest:
        """Compare both on folds that no trial was judged on. See :class:`TrialJudge`."""
        del seen
        bench = HeadBench(self._task, seed=self._seed + _OTHER_FOLDS)
        mine, theirs = bench.judge(best[1].head), bench.judge(default.head)
        rows = np.intersect1d(mine.rows, theirs.rows)
        return hold_against(_said(mine, rows), _said(theirs, rows), self._task.targets[rows])


def _said(held: HeldOut, rows: Indices) -> Logits:
    return held.logits[np.searchsorted(held.rows, rows)]


def within(space: Space, settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings that lie in a space, as JSON holds them."""
    plain = json.loads(json.dumps(settings))  # lists, as choices are
    return {d.path: plain[d.path] for d in space if d.path in plain and d.holds(plain[d.path])}
