from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import DataError
from headstart.workflows.report_facts import candidates, read_rows, split_counts


def row(taps: str, strength: str, images: str, setting: str = "") -> dict[str, str]:
    facts = {"accuracy": "0.9", "nll": "0.3"}
    return {"taps": taps, "strength": strength, "images": images, "setting": setting, **facts}


ROWS = [row("all", "1e-05", "100"), row("early", "1e-05", "300"), row("all", "1e-05", "300")]


@pytest.mark.parametrize(
    ("taps", "choice", "expected"),
    [
        ("all", "strength 1.0e-05", [False, False, True]),
        ("early", "strength 1.0e-05", [False, True, False]),
        ("final", "strength 1.0e-05", [False, False, True]),
        ("all", "5 neighbours", [False, False, False]),
    ],
)
def test_the_chosen_candidate_is_the_bundles(taps: str, choice: str, expected: list[bool]) -> None:
    found = candidates(ROWS, {"taps": taps, "head_choice": choice})
    assert [candidate.chosen for candidate in found] == expected


def test_a_run_of_an_older_version_shows_what_it_has() -> None:
    old = [{name: one[name] for name in ("taps", "strength", "accuracy", "nll")} for one in ROWS]
    assert [it.taps for it in candidates(old, {})] == ["all", "early", "all"]
    found = candidates(old, {"taps": "early", "strength": 1e-5})
    assert [it.chosen for it in found] == [False, True, False]


def test_splits_are_counted_and_an_evaluation_is_all_test() -> None:
    rows = [
        {"image_path": "1", "label": "cat", "split": "train"},
        {"image_path": "2", "label": "cat", "split": "test"},
    ]
    counts = split_counts(rows, ["cat", "dog"], ["cat"])
    assert counts["cat"] == {"train": 1, "val": 0, "test": 1}
    assert split_counts([], ["cat", "dog"], ["cat", "cat"])["cat"] == {"test": 2}


def test_a_missing_table_is_empty_and_a_damaged_one_named(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.csv") == []
    (tmp_path / "bad.csv").write_bytes(b"a,b\n\xff\xfe,1,2,3\n")
    with pytest.raises(DataError, match=r"bad\.csv cannot be read"):
        read_rows(tmp_path / "bad.csv")
