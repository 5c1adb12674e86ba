"""Every figure has a name, a meaning and its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headstart.evaluation import Estimate, Judgement
from headstart.reporting.glossary import FIGURES, measures

MakeJudgement = Callable[..., Judgement]


def test_every_metric_a_judgement_has_is_explained(make_judgement: MakeJudgement) -> None:
    judgement = make_judgement([f"c{i}" for i in range(7)])
    assert set(judgement.metrics) <= set(FIGURES)
    rows = measures(judgement, judgement)
    assert len(rows) == len(judgement.metrics)
    assert all(row.figure.meaning and row.test == row.validation for row in rows)


def test_an_unknown_metric_is_shown_under_its_own_name(make_judgement: MakeJudgement) -> None:
    judgement = make_judgement(["cat", "dog"])
    new = replace(judgement, metrics={**judgement.metrics, "kappa": Estimate(0.5, 0.4, 0.6)})
    row = measures(new, None)[-1]
    assert (row.figure.label, row.figure.text(row.test)) == ("kappa", "0.500")
    assert row.figure.interval(row.test).replace("\u00a0", " ") == "0.400 to 0.600"
    assert (row.figure.text(row.validation), row.figure.interval(row.validation)) == ("–", "")
