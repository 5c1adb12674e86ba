"""``headstart serve``: what it refuses before it listens. What it answers: serving/http."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no bundle at nowhere"),
        (["nowhere", "--host", "0.0.0.0"], "give --token SECRET, or --insecure"),
        (["nowhere", "--set", "max_bodymb=3"], "did you mean max_body_mb"),
        (["nowhere", "--set", "max_body_mb"], "write KEY=VALUE"),
    ],
)
def test_mistakes_end_with_2_and_a_mend(cli, arguments: list[str], said: str) -> None:
    outcome = cli("serve", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
