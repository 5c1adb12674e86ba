"""A search by Optuna: sampled in memory, kept in SQLite trial by trial. Alone imports Optuna.

Every draw is a pure function of the seed, the trial's number and the trials before it, so a
search that was stopped goes on with the trials it would have had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from headstart.config.search_space import Dimension, Value
from headstart.errors import StorageError

NAME: Final = "headstart tune"
_VALUES: Final = "values"
_FACTS: Final = "facts"
_SECONDS: Final = "seconds"

State = Literal["complete", "pruned", "failed"]
_STATES: Final[Mapping[TrialState, State]] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class PrunedError(Exception):
    """A trial is behind others at the same epoch, and is given up."""


@dataclass(frozen=True)
class TrialRecord:
    """What became of one trial.

    Attributes:
        number: From 0, the default configuration's.
        state: Whether it was seen through.
        value: What is minimised; ``None`` where there is none.
        values: Setting -> value; what is not named is as in the default.
        facts: Whatever else is known of it.
        seconds: It took.
        epochs: Validation loss after each epoch, where it had any.
    """

    number: int
    state: State
    value: float | None
    values: Mapping[str, Value]
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: tuple[float, ...] = ()


class OpenTrial:
    """A trial that is under way.

    Attributes:
        number: From 0.
        values: Setting -> value, of the dimensions asked for so far.
    """

    def __init__(self, trial: optuna.trial.Trial, most_epochs: int) -> None:
        self._trial = trial
        self._most_epochs = most_epochs
        self.number = trial.number
        self.values: dict[str, Value] = {}

    def suggest(self, dimension: Dimension) -> Value:
        """Draw a value, and remember it."""
        name, wanted = dimension.path, _distribution(dimension)
        if isinstance(wanted, CategoricalDistribution):
            text = self._trial.suggest_categorical(name, wanted.choices)
            value: Value = json.loads(str(text))
        elif isinstance(wanted, IntDistribution):
            value = self._trial.suggest_int(name, wanted.low, wanted.high, log=wanted.log)
        else:
            assert isinstance(wanted, FloatDistribution)
            value = self._trial.suggest_float(name, wanted.low, wanted.high, log=wanted.log)
        self.values[name] = value
        return value

    def report(self, value: float, epoch: int) -> None:
        """Tell how it stands after an epoch, from 1.

        Raises:
            PrunedError: Others stood better there, and it is not over anyway.
        """
        self._trial.report(value, epoch)
        if epoch < self._most_epochs and self._trial.should_prune():
            raise PrunedError


class Study:
    """The trials of one search.

    Args:
        file: SQLite database; made, or gone on with.
        seed: Seed of every draw.
        most_epochs: Of a trial, where they are pruned by Hyperband; 0: they are not.

    Raises:
        StorageError: The file cannot be read or written.
    """

    def __init__(self, file: Path, *, seed: int, most_epochs: int = 0) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._file = file
        self._seed = seed
        self._most_epochs = most_epochs
        self._stored = self._guarded(lambda: _stored_study(file))
        self._study = optuna.create_study(
            study_name=NAME, direction="minimize", pruner=_pruner(most_epochs)
        )
        self._study.add_trials(self._stored.get_trials(deepcopy=False))

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """Every trial that has ended, in order."""
        ended = self._study.get_trials(deepcopy=False, states=tuple(_STATES))
        return tuple(_record(trial) for trial in ended)

    def add(
        self, dimensions: tuple[Dimension, ...], record: TrialRecord, values: Mapping[str, Value]
    ) -> None:
        """Enter a trial that was not drawn: the default configuration.

        Args:
            dimensions: What is searched.
            record: Its outcome.
            values: Where it lies in the space, as far as it does: sampling learns from it.
        """
        within = [d for d in dimensions if d.path in values and d.holds(values[d.path])]
        trial = optuna.trial.create_trial(
            value=record.value,
            params={d.path: _internal(d, values[d.path]) for d in within},
            distributions={d.path: _distribution(d) for d in within},
            user_attrs=_attributes(record),
            intermediate_values=dict(enumerate(record.epochs, 1)),
        )
        self._study.add_trial(trial)
        self._store(trial)

    def ask(self) -> OpenTrial:
        """Begin the next trial."""
        number = len(self._study.get_trials(deepcopy=False))
        drawn = np.random.SeedSequence((self._seed, number)).generate_state(1)
        self._study.sampler = optuna.samplers.TPESampler(seed=int(drawn[0]))
        return OpenTrial(self._study.ask(), self._most_epochs)

    def tell(self, trial: OpenTrial, record: TrialRecord) -> None:
        """End a trial, and keep it.

        Raises:
            StorageError: It cannot be written.
        """
        for name, value in _attributes(record).items():
            trial._trial.set_user_attr(name, value)
        states = {state: key for key, state in _STATES.items()}
        value = record.value if record.state == "complete" else None
        self._study.tell(trial._trial, value, states[record.state])
        self._store(self._study.get_trials(deepcopy=False)[trial.number])

    def _store(self, trial: FrozenTrial) -> None:
        self._guarded(lambda: self._stored.add_trial(trial))

    def _guarded(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            raise StorageError(
                f"{self._file} cannot be read or written ({error}): free some space, or "
                "choose another folder with --out"
            ) from error


def _stored_study(file: Path) -> optuna.Study:
    """Open the file for as long as each transaction takes: nothing has to be closed."""
    address = f"sqlite:///{file.absolute()}"
    return optuna.create_study(
        storage=optuna.storages.RDBStorage(address, engine_kwargs={"poolclass": NullPool}),
        study_name=NAME,
        direction="minimize",
        load_if_exists=True,
    )


def _pruner(most_epochs: int) -> optuna.pruners.BasePruner:
    """Return Hyperband (Li et al., 2018, arXiv:1603.06560), or none for trials of one step."""
    if most_epochs < 2:
        return optuna.pruners.NopPruner()
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=most_epochs)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution([json.dumps(choice) for choice in dimension.choices])
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _internal(dimension: Dimension, value: Value) -> Any:
    return json.dumps(value) if dimension.choices else value


def _attributes(record: TrialRecord) -> dict[str, Any]:
    return {_VALUES: record.values, _FACTS: record.facts, _SECONDS: round(record.seconds, 3)}


def _record(trial: FrozenTrial) -> TrialRecord:
    known = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        value=trial.value if trial.state is TrialState.COMPLETE else None,
        values=known[_VALUES],
        facts=known[_FACTS],
        seconds=known[_SECONDS],
        epochs=tuple(trial.intermediate_values[step] for step in sorted(trial.intermediate_values)),
    )
