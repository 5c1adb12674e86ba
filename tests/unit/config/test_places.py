import sys
from pathlib import Path

import pytest

from headstart.config import cache_dir, weights_dir


def test_the_folder_given_wins_then_the_variable_then_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "variable"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir(tmp_path / "given") == tmp_path / "given"
    assert cache_dir() == tmp_path / "variable"
    monkeypatch.setenv("HEADSTART_CACHE", "")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_dir() == tmp_path / "xdg" / "headstart"
    monkeypatch.delenv("HEADSTART_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "headstart"


def test_it_is_absolute_and_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir("here") == tmp_path / "here"
    assert cache_dir("~/there") == tmp_path / "home" / "there"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "end"), [("darwin", "Library/Caches/headstart"), ("win32", "headstart")]
)
def test_each_system_has_its_own_place(platform, end, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("HEADSTART_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_dir() == tmp_path / end


def test_brought_weights_have_a_place_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_WEIGHTS", str(tmp_path / "variable"))
    assert weights_dir() == tmp_path / "variable"
    monkeypatch.delenv("HEADSTART_WEIGHTS")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert weights_dir() == tmp_path / "xdg" / "headstart" / "weights"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_dir() == tmp_path / ".local" / "share" / "headstart" / "weights"


@pytest.mark.parametrize(
    ("platform", "end"),
    [("darwin", "Library/Application Support/headstart/weights"), ("win32", "headstart/weights")],
)
def test_each_system_keeps_weights_where_it_keeps_data(
    platform: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADSTART_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert weights_dir() == tmp_path / end
