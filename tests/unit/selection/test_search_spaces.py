"""Default searches fit the schema and the heads, and leave alone what the user set."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.config import build_config
from headstart.config.search_space import Dimension, parse_space
from headstart.errors import ConfigError, UnknownNameError
from headstart.heads.presets import PRESETS, resolve_settings
from headstart.selection.search_spaces import (
    HEAD_SPACE,
    TUNING_SPACE,
    Candidates,
    check_space,
    default_space,
    takes,
)

PHASE: dict[str, Any] = {"epochs": 3}


def paths(**settings: Any) -> set[str]:
    return {d.path for d in default_space(build_config(settings), tuning=False)}


def test_tables_are_read_as_a_user_would_write_them() -> None:
    for table in (HEAD_SPACE, TUNING_SPACE):
        assert parse_space({d.path: d.to_json() for d in table}) == table


@pytest.mark.parametrize("head", [preset.name for preset in PRESETS])
def test_every_end_of_the_default_space_is_allowed(head: str) -> None:
    base = build_config({"head": {"name": head}})
    space = default_space(base, tuning=False)
    candidates = Candidates(base, space)
    for dimension in candidates.space:
        for value in dimension.ends:
            resolve_settings(candidates.config({dimension.path: value}).head)


def test_what_the_user_set_is_not_searched() -> None:
    assert "head.taps" in paths()
    assert "head.taps" not in paths(head={"taps": "all"})
    assert paths(head={"name": "svm", "C": 2.0}) == {"head.taps"}
    assert "head.widths" in paths(head={"name": "gap-1024"})
    assert "head.widths" not in paths()
    assert paths(head={"name": "flatten-dense"}).isdisjoint({"head.taps", "head.name"})


def test_settings_of_another_head_are_left_out() -> None:
    base = build_config({"head": {"name": "gap-1024", "epochs": 3}})
    candidates = Candidates(base, parse_space({"head.name": ["gap-1024", "knn"]}))
    assert candidates.config({"head.name": "gap-1024"}).head.epochs == 3
    assert candidates.config({"head.name": "knn"}).head.epochs is None


def test_settings_are_asked_for_only_where_they_mean_something() -> None:
    names = Dimension("head.name", choices=("linear", "svm", "svm-rbf", "knn"))
    candidates = Candidates(build_config({}), (*HEAD_SPACE[1:], names))
    assert candidates.space[0].path == "head.name"
    asked = {
        name: {d.path for d in candidates.space if candidates.active(d, {"head.name": name})}
        for name in ("linear", "svm", "svm-rbf", "knn")
    }
    both = {"head.name", "head.taps"}
    assert asked["linear"] == both | {"head.strength"}
    assert asked["svm"] == both | {"head.C"}
    assert asked["svm-rbf"] == both | {"head.C", "head.gamma"}
    assert asked["knn"] == both | {"head.neighbours", "head.weights"}
    assert takes("knn", "training.phases.*.dropout")


def test_every_phase_is_changed_at_once() -> None:
    base = build_config({"training": {"phases": [PHASE, PHASE]}})
    candidates = Candidates(base, TUNING_SPACE)
    made = candidates.config({"training.phases.*.optimiser.learning_rate": 3e-4})
    assert [phase.optimiser.learning_rate for phase in made.training.phases] == [3e-4, 3e-4]
    assert made.training.phases[0].epochs == 3


@pytest.mark.parametrize(
    ("space", "tuning", "said"),
    [
        ({"backbone.name": ["lite0"]}, False, r"backbone\.name cannot differ .*headstart compare"),
        ({"head.folds": [3, 5]}, False, r"head\.folds cannot differ"),
        ({"training.phases.*.epochs": [3]}, False, "searched with --strategy"),
        ({"training.budget": ["1m"]}, True, r"training\.budget cannot differ"),
    ],
)
def test_what_cannot_differ_is_refused(space: dict[str, Any], tuning: bool, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_space(parse_space(space), tuning=tuning)


def test_values_are_checked_before_anything_is_done() -> None:
    base = build_config({})
    with pytest.raises(ConfigError, match=r"space: head\.strength: -1"):
        Candidates(base, parse_space({"head.strength": [-1.0, 1.0]}))
    with pytest.raises(UnknownNameError, match="unknown head 'forest'"):
        Candidates(base, parse_space({"head.name": ["linear", "forest"]}))
