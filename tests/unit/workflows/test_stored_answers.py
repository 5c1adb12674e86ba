from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import DataError
from headstart.workflows.stored_answers import read_answers

HEADER = "path,true_label,label,confidence,status,error,digest,prob_cat,prob_dog\n"


def test_what_a_run_answered(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text(
        HEADER + "a.jpg,cat,cat,.9,ok,,1,.9,.1\nbad.jpg,dog,,,error,no image,2,,\n"
    )
    found = read_answers(tmp_path)
    assert (len(found), found.unreadable) == (1, 1)
    assert (found.paths, found.labels, found.said) == (("a.jpg",), ("cat",), ("cat",))
    assert found.digests == ("1",)
    assert found.classes == ("cat", "dog")
    assert found.probabilities is not None
    assert found.probabilities.tolist() == [[0.9, 0.1]]


def test_a_table_of_another_tool(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("path,true_label,label\n007,1,2\n")
    found = read_answers(tmp_path / "theirs.csv")
    assert (found.paths, found.labels, found.said) == (("007",), ("1",), ("2",))
    assert (found.digests, found.probabilities) == (None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na,cat\n", "no column true_label"),
        (HEADER, "holds no answers"),
        (HEADER + "a.jpg,cat,cat,.9,ok,,1,much,.1\n", "a probability that is no number"),
        ("", "cannot be read as a table"),
    ],
)
def test_what_is_no_table_of_answers(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_answers(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no"):
        read_answers(tmp_path / "lost")
