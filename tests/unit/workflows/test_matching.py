from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import DataError
from headstart.workflows.matching import match_answers
from headstart.workflows.stored_answers import StoredAnswers


def run(*rows: tuple[str, str, str], unreadable: int = 0, content: bool = True) -> StoredAnswers:
    """Answers on images given as (path, label, digest)."""
    paths, labels, digests = zip(*rows, strict=True)
    return StoredAnswers(
        file=Path("predictions.csv"),
        paths=paths,
        labels=labels,
        said=labels,
        digests=digests if content else None,
        classes=(),
        probabilities=None,
        unreadable=unreadable,
    )


A, B, C = ("a.jpg", "cat", "1"), ("b.jpg", "dog", "2"), ("c.jpg", "cat", "3")


def test_the_order_and_the_names_do_not_matter() -> None:
    other = run(("moved/b.jpg", "dog", "2"), ("moved/a.jpg", "cat", "1"))
    matched = match_answers({"one": run(A, B), "two": other}, common=False)
    assert [rows.tolist() for rows in matched.rows] == [[0, 1], [1, 0]]
    assert matched.notes == ()


def test_other_images_are_refused_with_the_counts() -> None:
    runs = {"one": run(A, B, C), "two": run(A, B)}
    with pytest.raises(DataError, match=r"one 3, two 2; 2 in all of them.*2 images .*--common"):
        match_answers(runs, common=False)
    matched = match_answers(runs, common=True)
    assert [rows.tolist() for rows in matched.rows] == [[0, 1], [0, 1]]
    assert "Compared on the 2 images that all share" in matched.notes[0]


def test_the_same_name_is_not_the_same_image() -> None:
    with pytest.raises(DataError, match=r"0 in all of them.*They cannot be compared"):
        match_answers({"one": run(A), "two": run(("a.jpg", "cat", "9"))}, common=True)


def test_another_label_is_another_question() -> None:
    runs = {"one": run(A, B), "two": run(("a.jpg", "dog", "1"), B)}
    with pytest.raises(DataError, match=r"1 carry another true label, such as a.jpg \(cat in one"):
        match_answers(runs, common=False)
    assert match_answers(runs, common=True).rows[0].tolist() == [1]


def test_copies_pair_up() -> None:
    one = run(A, ("copy.jpg", "dog", "1"), B)
    two = run(B, ("copy.jpg", "dog", "1"), A)
    matched = match_answers({"one": one, "two": two}, common=False)
    assert matched.rows[1].tolist() == [2, 1, 0]


def test_runs_that_did_not_record_contents_go_by_names() -> None:
    runs = {"old": run(A, B, content=False), "new": run(B, A)}
    matched = match_answers(runs, common=False)
    assert matched.rows[1].tolist() == [1, 0]
    assert "told by their file names, not their content, which old" in matched.notes[0]


def test_unreadable_images_are_named_as_the_reason() -> None:
    runs = {"one": run(A, B), "two": run(A, unreadable=1)}
    with pytest.raises(DataError, match="unreadable: 1 in two"):
        match_answers(runs, common=False)
