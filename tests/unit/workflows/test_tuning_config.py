"""What the settings ask of fine-tuning: plans by name, and changes to every phase."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.config import build_config
from headstart.errors import ConfigError
from headstart.workflows.recipes import recipe_config
from headstart.workflows.tuning_config import check_tuning, planned_phases, spelt_out

CHANGES: dict[str, Any] = {"epochs": 3, "batch_size": 7, "learning_rate": 2e-5}


@pytest.mark.parametrize("strategy", ["partial", "full", "scratch"])
def test_a_named_plan_is_changed_where_the_user_says_so_and_nowhere_else(strategy: str) -> None:
    (plain,) = planned_phases(build_config({"training": {"strategy": strategy}}))
    (phase,) = planned_phases(build_config({"training": {"strategy": strategy, **CHANGES}}))
    assert (phase.epochs, phase.batch_size, phase.optimiser.learning_rate) == (3, 7, 2e-5)
    optimiser = plain.optimiser.model_copy(update={"learning_rate": 2e-5})
    others = {"epochs": 3, "batch_size": 7, "optimiser": optimiser}
    assert phase == plain.model_copy(update=others)


def test_every_phase_of_a_recipe_is_changed() -> None:
    config = recipe_config("waste", {"training": {"epochs": 2}}, [])
    plain = planned_phases(recipe_config("waste", {}, []).config)
    phases = planned_phases(config.config)
    assert len(phases) == len(plain) > 2
    assert {phase.epochs for phase in phases} == {2}
    rates = [phase.optimiser.learning_rate for phase in phases]
    assert rates == [phase.optimiser.learning_rate for phase in plain]


def test_what_is_spelt_out_means_the_same_and_can_be_changed_by_itself() -> None:
    config = build_config({"training": {"strategy": "full", **CHANGES}})
    written = spelt_out(config)
    assert list(written.training.phases) == planned_phases(config) == planned_phases(written)
    (phase,) = written.training.phases
    longer = phase.model_copy(update={"epochs": 9})
    training = written.training.model_copy(update={"phases": (longer,)})
    assert planned_phases(written.model_copy(update={"training": training})) == [longer]


@pytest.mark.parametrize("strategy", ["probe", "auto"])
@pytest.mark.parametrize("name", list(CHANGES))
def test_without_a_plan_there_is_nothing_to_change(strategy: str, name: str) -> None:
    config = build_config({"training": {"strategy": strategy, name: CHANGES[name]}})
    with pytest.raises(ConfigError, match=rf"training\.{name} .* {strategy}"):
        check_tuning(config)
