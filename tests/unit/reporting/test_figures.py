"""Drawings are in proportion to what they show."""

from __future__ import annotations

from collections.abc import Callable

from headstart.evaluation import Judgement, judge
from headstart.reporting.figures import PLOT_PX, SHADES, confusion_rows, reliability_marks

MakeJudgement = Callable[..., Judgement]


def test_confusion_rows_hold_every_count_and_shade_only_what_is_there(
    make_judgement: MakeJudgement,
) -> None:
    judgement = make_judgement(["cat", "dog", "owl"])
    rows = confusion_rows(judgement)
    assert [[cell.count for cell in row.cells] for row in rows] == judgement.confusion.tolist()
    assert [row.total for row in rows] == [score.support for score in judgement.per_class]
    for i, row in enumerate(rows):
        assert [cell.right for cell in row.cells] == [i == j for j in range(3)]
        assert all((cell.shade > 0) == (cell.count > 0) for cell in row.cells)
        assert all(cell.shade <= SHADES for cell in row.cells)


def test_a_perfect_row_is_darkest_and_an_empty_one_blank() -> None:
    judgement = judge([[0.9, 0.1], [0.8, 0.2]], [0, 0], classes=["cat", "dog"])
    full, empty = confusion_rows(judgement)
    assert [cell.shade for cell in full.cells] == [SHADES, 0]
    assert [cell.shade for cell in empty.cells] == [0, 0]


def test_marks_stay_inside_the_plot_and_their_intervals_around_them(
    make_judgement: MakeJudgement,
) -> None:
    judgement = make_judgement(["cat", "dog", "owl"], images_per_class=40)
    marks = reliability_marks(judgement)
    assert sum(mark.bin.count for mark in marks) == judgement.n
    for mark in marks:
        assert 0 <= mark.x <= PLOT_PX
        assert 0 <= mark.high_y <= mark.y <= mark.low_y <= PLOT_PX
