from __future__ import annotations

import io
import sys

import pytest

from headstart.cli.bars import TerminalProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def track(progress: TerminalProgress) -> list[int]:
    return list(progress.track(range(50), total=50, task="features", unit="images"))


def test_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert track(TerminalProgress()) == list(range(50))
    with TerminalProgress().wait("fitting the head"):
        pass
    assert capsys.readouterr() == ("", "")


def test_what_is_said_goes_to_a_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    TerminalProgress().say("geometry: squash")
    assert capsys.readouterr() == ("", "geometry: squash\n")


def test_a_terminal_shows_the_task_and_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    assert track(TerminalProgress()) == list(range(50))
    shown = terminal.getvalue()
    assert "features" in shown
    assert "50/50" in shown


def test_a_terminal_shows_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with TerminalProgress().wait("fitting the head"):
        assert track(TerminalProgress()) == list(range(50))
    assert "fitting the head" in terminal.getvalue()


def test_an_error_passes_through_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    tracked = TerminalProgress().track(range(3), total=3, task="features", unit="images")
    with pytest.raises(ZeroDivisionError):
        next(1 // item for item in tracked)
