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


def test_the_token_may_lie_in_a_file(cli, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = []
    monkeypatch.setattr(
        "headstart.cli.serve.serve", lambda _, *, config, **__: tokens.append(config.token)
    )
    (tmp_path / "token").write_text("a token of sufficient length\n")
    assert cli("serve", "b", "--token-file", tmp_path / "token").code == 0
    monkeypatch.setenv("HEADSTART_TOKEN_FILE", str(tmp_path / "token"))
    assert cli("serve", "b", "--host", "0.0.0.0").code == 0
    assert tokens == ["a token of sufficient length"] * 2
    gone = cli("serve", "b", "--token-file", tmp_path / "gone")
    assert gone.code == 2
    assert "the token's file" in gone.err
    (tmp_path / "token").write_text("short")
    assert cli("serve", "b").code == 2
