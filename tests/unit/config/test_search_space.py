"""What may be searched: paths of the schema, and nothing that is not one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headstart.config.search_space import parse_space, read_space, setting_paths, shown
from headstart.errors import ConfigError

RATE = "training.phases.*.optimiser.learning_rate"


def test_ranges_and_choices_as_a_user_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(
        "head:\n  strength: {low: 1e-6, high: 1e-1, log: true}\n"
        "head.neighbours: {low: 3, high: 40}\n"
        "head.widths: [[128], [256, 128]]\n"
        "head.activation: schema\n"
        f"{RATE}: {{low: 1e-5, high: 1e-2, log: true}}\n",
        encoding="utf-8",
    )
    strength, neighbours, widths, activation, rate = read_space(file)
    assert (strength.path, strength.low, strength.high, strength.log) == (
        "head.strength",
        1e-6,
        0.1,
        True,
    )
    assert (neighbours.whole, neighbours.ends) == (True, (3, 40))
    assert widths.choices == ([128], [256, 128])
    assert activation.choices == ("relu", "gelu", "silu", "tanh")
    assert (rate.path, rate.low) == (RATE, 1e-5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"head.strenght": [1]}, r"unknown setting 'head.strenght', did you mean head.strength"),
        ({"learning_rate": [1]}, "did you mean head.learning_rate, training.phases"),
        ({"training.phases.optimiser.learning_rate": [1]}, r"did you mean .*phases\.\*"),
        ({"head": [1]}, "unknown setting 'head'"),
        ({"head.strength": {"low": 1, "high": 0.1}}, "low must be below high"),
        ({"head.strength": {"low": 0, "high": 1, "log": True}}, "begins above 0"),
        ({"head.activation": {"low": 1, "high": 2}}, "is no number"),
        ({"head.strength": "schema"}, "the schema lists no values"),
        ({"head.strength": 3}, "is no set of values"),
        ({"head.name": []}, "is no set of values"),
        ({}, "names nothing to search"),
    ],
)
def test_mistakes_name_their_mend(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_space(wrong)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)head\.strenght.*head\.tap"):
        parse_space({"head.strenght": [1], "head.tap": ["all"]})


@given(st.sampled_from(sorted(setting_paths())))
def test_every_path_of_the_schema_can_be_named(path: str) -> None:
    (found,) = parse_space({path: [None]})
    assert found.path == path


@given(
    low=st.floats(1e-6, 1.0),
    factor=st.floats(1.5, 1e4),
    log=st.booleans(),
)
def test_what_is_written_is_read_again(low: float, factor: float, log: bool) -> None:
    space = parse_space({"head.strength": {"low": low, "high": low * factor, "log": log}})
    text = yaml.safe_dump({d.path: d.to_json() for d in space})
    assert parse_space(yaml.safe_load(text)) == space
    assert space[0].holds(low)
    assert not space[0].holds(low * factor * 1.01)
    assert not space[0].holds(True)


def test_values_as_text() -> None:
    assert [shown(v) for v in (True, 1, 0.00012345, None)] == ["true", "1", "0.000123", "null"]
