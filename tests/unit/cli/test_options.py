from __future__ import annotations

import pytest

from headstart.cli.options import given_settings, merged, setting


def test_what_was_not_given_is_not_there() -> None:
    given = {"seed": 0, "data.val": None, "data.test": 0.2, "head.taps": "all"}
    assert given_settings(given) == {"seed": 0, "data": {"test": 0.2}, "head": {"taps": "all"}}
    assert given_settings({"seed": None}) == {}


def test_options_win_over_a_file_section_by_section() -> None:
    file = {"seed": 1, "data": {"val": 0.2, "test": 0.2}}
    options = {"data": {"val": 0.3}, "head": {"taps": "all"}}
    assert merged(file, options) == {
        "seed": 1,
        "data": {"val": 0.3, "test": 0.2},
        "head": {"taps": "all"},
    }
    assert file == {"seed": 1, "data": {"val": 0.2, "test": 0.2}}


def test_a_section_that_a_file_has_as_a_value_is_replaced() -> None:
    assert merged({"data": None}, {"data": {"val": 0.3}}) == {"data": {"val": 0.3}}


def test_help_and_default_come_from_the_schema() -> None:
    assert setting("data.val", "--val").help == "Share of validation images made. [0.1]"
    assert setting("head.strength", "--strength").help.endswith("where not given.")


@pytest.mark.parametrize("key", ["data.vall", "nowhere.val"])
def test_an_option_for_no_setting_is_a_mistake_of_ours(key: str) -> None:
    with pytest.raises(KeyError):
        setting(key, "--val")
