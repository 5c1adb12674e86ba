from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

import headstart
from headstart.cli import main as entry
from headstart.errors import DataError


def fails_with(error: BaseException) -> Any:
    def run() -> None:
        raise error

    return run


@pytest.fixture
def failing(cli: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``failing(error, *options)``: a command that raises this."""

    def call(error: BaseException, *options: str) -> Any:
        monkeypatch.setattr(entry, "_load", lambda _: fails_with(error))
        return cli("backbones", *options)

    return call


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "headstart", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"headstart {headstart.__version__}\n", done.stderr


def test_the_version(cli: Any) -> None:
    assert cli("--version") == (0, f"headstart {headstart.__version__}\n", "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(cli: Any, option: str) -> None:
    outcome = cli(option)
    assert outcome.code == 0
    for name, summary in entry.COMMANDS.items():
        assert name in outcome.out
        assert summary in outcome.out
    assert "--debug" in outcome.out


@pytest.mark.parametrize("name", entry.COMMANDS)
def test_every_command_explains_itself(cli: Any, name: str) -> None:
    outcome = cli(name, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: headstart {name}")


def test_no_command_shows_what_there_is(cli: Any) -> None:
    outcome = cli()
    assert outcome.code == 2
    assert "Commands:" in outcome.out + outcome.err


def test_only_the_command_that_is_called_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(entry, "_load", lambda name: loaded.append(name) or entry._stand_in)
    entry.build_app(["predict", "bundle", "train"])
    assert loaded == ["predict"]


def test_a_mistake_is_one_line_and_two(failing: Any) -> None:
    outcome = failing(DataError("no images: add some"))
    assert outcome == (2, "", "headstart: no images: add some\n")


def test_debug_adds_the_traceback_wherever_it_stands(failing: Any) -> None:
    outcome = failing(DataError("no images"), "--debug")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert outcome.err.endswith("headstart: no images\n")


def test_an_error_of_ours_is_one(failing: Any) -> None:
    outcome = failing(RuntimeError("boom"))
    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == "headstart: RuntimeError: boom"
    assert "please report it with --debug" in outcome.err


def test_a_missing_training_library_says_what_to_install(failing: Any) -> None:
    outcome = failing(ModuleNotFoundError("No module named 'torch'", name="torch.nn"))
    assert outcome.code == 2
    assert outcome.err == (
        "headstart: headstart backbones needs the training libraries (torch is not installed): "
        "pip install 'headstart[train]'\n"
    )


def test_any_other_missing_library_is_ours(failing: Any) -> None:
    outcome = failing(ModuleNotFoundError("No module named 'nope'", name="nope"))
    assert outcome.code == 1
    assert "No module named 'nope'" in outcome.err


def test_an_interruption_is_130(failing: Any) -> None:
    outcome = failing(KeyboardInterrupt())
    assert outcome.code == 130
    assert outcome.err.strip() == "headstart: interrupted; nothing half-written was left"


def test_a_termination_is_143(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminated() -> None:
        handler = signal.getsignal(signal.SIGTERM)
        assert callable(handler)
        handler(signal.SIGTERM, None)

    monkeypatch.setattr(entry, "_load", lambda _: terminated)
    assert cli("backbones").code == 143


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("trian", "did you mean train"), ("zzz", f"known: {', '.join(sorted(entry.COMMANDS))}")],
)
def test_unknown_commands_are_corrected(cli: Any, wrong: str, hint: str) -> None:
    outcome = cli(wrong)
    assert outcome.code == 2
    assert f"unknown command '{wrong}': {hint}" in outcome.err
