"""docs/strategy.md holds every rule as the code has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from headstart.selection.resolution import SIZE_RULES
from headstart.selection.strategy import CAUTIONS, RULES, SIGNS

DOCUMENT = Path(__file__).parents[3] / "docs" / "strategy.md"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


TABLES = {
    "signs": table(
        ("sign", "similar from", "because"),
        ((sign.name, f"{sign.least:+.2f}", sign.reason) for sign in SIGNS),
    ),
    "rules": table(
        ("when", "strategy", "advice", "because"),
        ((rule.when, f"`{rule.strategy}`", rule.advice, rule.reason) for rule in RULES),
    ),
    "cautions": table(
        ("when", "what check says"),
        (
            (
                caution.when,
                caution.text.replace("{evidence.smallest}", "N").replace("{evidence.largest}", "M"),
            )
            for caution in CAUTIONS
        ),
    ),
    "sizes": table(
        ("rule", "when", "because"),
        ((rule.name, rule.when, rule.reason) for rule in SIZE_RULES),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_rule_is_documented_as_it_is(name: str) -> None:
    assert TABLES[name] in DOCUMENT.read_text(encoding="utf-8")
