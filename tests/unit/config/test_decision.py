import pytest

from headstart.config import DecisionConfig, build_config
from headstart.errors import ConfigError


@pytest.mark.parametrize("given", ["precision=0.98", " precision = 0.98", {"precision": 0.98}])
def test_a_wish_is_written_in_either_way(given: object) -> None:
    found = build_config({"decision": {"reject": given}}).decision
    assert found.reject is not None
    assert (found.reject.precision, found.reject.coverage) == (0.98, None)
    assert not found.is_plain
    assert DecisionConfig.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0.98", "write precision=0.98"),
        ("recall=0.9", "write precision=0.98"),
        ("precision=98", "less than 1"),
        ("precision=high", "valid number"),
        ({"precision": 0.9, "coverage": 0.9}, "one of precision and coverage"),
        ({}, "one of precision and coverage"),
    ],
)
def test_a_wish_that_is_none_says_how_to_write_one(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config({"decision": {"reject": given}})


def test_nothing_is_decided_unless_asked_for() -> None:
    assert build_config({}).decision.is_plain
    with pytest.raises(ConfigError, match=r"decision\.assurance"):
        build_config({"decision": {"assurance": 0.2}})
