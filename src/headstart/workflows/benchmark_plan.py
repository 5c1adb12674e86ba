"""From a grid, a recipe and data sets to the runs that they mean; nothing is trained here."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.backbones.catalog import find_backbone
from headstart.backbones.sizes import check_size
from headstart.config import TrainConfig, build_config, merged, set_dotted
from headstart.config.grids import AXES, Grid, as_assignments
from headstart.config.recipes import find_recipe
from headstart.errors import ConfigError
from headstart.evaluation.leaderboard import FROZEN
from headstart.heads.fitting import check_head
from headstart.workflows.recipes import plan_recipe, stem
from headstart.workflows.shared_work import backbone_key
from headstart.workflows.train import data_name
from headstart.workflows.tuning_config import check_tuning, wants_tuning

Nested = dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """One data set of a benchmark.

    Attributes:
        name: What it is called, unlike any other's.
        place: What the user pointed at.
    """

    name: str
    place: str


@dataclass(frozen=True)
class BenchmarkRun:
    """One combination.

    Attributes:
        name: Of the run, the same whatever else is in the grid.
        model: The backbone, as the user or the recipe calls it.
        head: The head, and what else is varied.
        reported: What a recipe's source reports for it.
        config: All its settings.
        impossible: Why it cannot be made; empty where it can.
        recipe: The published plan it follows; empty for none.
    """

    name: str
    model: str
    head: str
    reported: str
    config: TrainConfig
    impossible: str = ""
    recipe: str = ""

    @property
    def strategy(self) -> str:
        """What is trained; ``phases`` where the settings list them without a name."""
        named = self.config.training.strategy
        return "phases" if named == FROZEN and self.config.training.phases else named

    @property
    def trained(self) -> str:
        """Head and strategy in a few words."""
        return self.head if self.strategy == FROZEN else f"{self.head}, {self.strategy}"


def name_data(places: Iterable[str | Path]) -> tuple[DataSet, ...]:
    """Name data sets as their files or folders, numbered where these are called alike.

    Raises:
        ConfigError: There is none, or one twice.

    >>> [it.name for it in name_data(["a/pets", "b/pets", "leaves.zip"])]
    ['pets', 'pets-2', 'leaves']
    """
    named: dict[str, DataSet] = {}
    seen: set[Path] = set()
    for place in places:
        if Path(place).absolute() in seen:
            raise ConfigError(f"{place} is given twice: name each data set once")
        seen.add(Path(place).absolute())
        name = _unused(_safe(data_name(place)), named)
        named[name] = DataSet(name, str(place))
    if not named:
        raise ConfigError("benchmark needs DATA: one or more folders, archives or tables")
    return tuple(named.values())


def plan_runs(
    grids: Sequence[Grid],
    *,
    recipe: str | None = None,
    given: Mapping[str, Any] | TrainConfig | None = None,
    assignments: Sequence[str] = (),
) -> tuple[BenchmarkRun, ...]:
    """Return the runs that a grid means, those that share features one after another.

    A combination that cannot work, such as a head without a gradient under fine-tuning, is
    a run with the reason; what is misspelt is refused.

    Args:
        grids: One after another; none with a recipe means the recipe's own networks.
        recipe: Whose settings lie below the grid's.
        given: Settings of every run, over the grids' own ones.
        assignments: ``dotted.key=value``, over these; the axes are over all.

    Raises:
        ConfigError: A setting is wrong, nothing is varied, or no combination can work.
        UnknownNameError: No such recipe, backbone, head or augmentation.
    """
    if not grids and recipe is None:
        raise ConfigError(
            "nothing to compare: give --backbones, --heads, --sizes, --strategies, --vary or "
            "--grid FILE, or a --recipe"
        )
    own = Grid(find_recipe(recipe).axes if recipe else {})
    wished = [replace(grid, axes={**own.axes, **grid.axes}) for grid in grids or (own,)]
    found: dict[Hashable, BenchmarkRun] = {}
    names: dict[str, BenchmarkRun] = {}
    for run in _every(wished, recipe, _nested(given), list(assignments)):
        if _identity(run.config) not in found:
            run = replace(run, name=_unused(run.name, names))
            found[_identity(run.config)] = names[run.name] = run
    runs = _in_order(list(found.values()))
    if all(run.impossible for run in runs):
        raise ConfigError(runs[0].impossible)
    return runs


def _every(
    grids: Iterable[Grid], recipe: str | None, given: Nested, assignments: list[str]
) -> Iterator[BenchmarkRun]:
    for grid in grids:
        settings = merged(grid.settings, given)
        for choice in grid.combinations():
            changes = [*assignments, *as_assignments(choice)]
            if recipe is None:
                yield _run(build_config(set_dotted(settings, changes)), choice)
            else:
                for planned in plan_recipe(recipe, settings, changes):
                    run = _run(planned.config, choice, model=planned.backbone)
                    yield replace(run, reported=planned.result, recipe=recipe)


def _run(config: TrainConfig, choice: Mapping[str, Any], *, model: str = "") -> BenchmarkRun:
    other = [f"{key.split('.')[-1]}={_word(v)}" for key, v in choice.items() if key not in _SHOWN]
    called = model or config.backbone.name
    run = BenchmarkRun("", called, ", ".join([config.head.name, *other]), "", config)
    size = config.data.image_size_px
    parts = [stem(called), *([str(size)] if size else []), config.head.name.lower()]
    parts += [run.strategy] if run.strategy != FROZEN else []
    return replace(run, name=_safe("-".join([*parts, *other])), impossible=_impossible(config))


_SHOWN = {key for name, key in AXES.items() if name != "seeds"}
"""Axes that have a column of their own."""


def _word(value: Any) -> str:
    return "x".join(map(_word, value)) if isinstance(value, list) else str(value)


def _safe(name: str) -> str:
    """Return a name as that of a folder."""
    return re.sub(r"[^\w.=+-]+", "_", name).strip("._") or "run"


def _unused(name: str, taken: Mapping[str, object]) -> str:
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def _impossible(config: TrainConfig) -> str:
    spec = find_backbone(config.backbone.name)
    try:
        check_head(config.head)
        check_tuning(config)
        check_size(spec, config.data.image_size_px or spec.size_px)
    except ConfigError as error:
        return str(error)
    return ""


def _identity(config: TrainConfig) -> str:
    """Return what tells a run from others: its settings, the network by its one name."""
    spec = find_backbone(config.backbone.name)
    backbone = config.backbone.model_copy(update={"name": spec.name})
    return config.model_copy(update={"backbone": backbone}).model_dump_json()


def _in_order(runs: Sequence[BenchmarkRun]) -> tuple[BenchmarkRun, ...]:
    """Put runs on one backbone and size together, heads alone before fine-tuning."""
    first: dict[Hashable, int] = {}
    for number, run in enumerate(runs):
        first.setdefault(_features(run), number)
    return tuple(sorted(runs, key=lambda run: (first[_features(run)], wants_tuning(run.config))))


def _features(run: BenchmarkRun) -> Hashable:
    return (backbone_key(run.config), run.config.data.geometry)


def _nested(given: Mapping[str, Any] | TrainConfig | None) -> Nested:
    if isinstance(given, TrainConfig):
        return given.model_dump(mode="json", exclude_unset=True)
    return dict(given or {})
