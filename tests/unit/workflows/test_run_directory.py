from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from headstart.errors import ConfigError, StorageError
from headstart.workflows.run_directory import RunDirectory, free_name, refuse_existing


def test_it_appears_whole_at_the_end(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "run"
    with RunDirectory(final) as run:
        (run.path / "metrics.json").write_text("{}")
        assert not final.exists()
        assert run.path.name.startswith(".")
    assert [path.name for path in final.iterdir()] == ["metrics.json"]
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_it_disappears_whole_on_any_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), RunDirectory(tmp_path / "run") as run:  # noqa: PT012
        (run.path / "metrics.json").write_text("{}")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(ConfigError, match="exists already and is never overwritten"):
        RunDirectory(tmp_path / "run")
    refuse_existing(tmp_path / "other")


def test_nor_what_appears_meanwhile(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="exists already"),
        RunDirectory(tmp_path / "run"),
    ):
        (tmp_path / "run").write_text("somebody else's")
    assert (tmp_path / "run").read_text() == "somebody else's"


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(StorageError, match="cannot be written"), RunDirectory(tmp_path / "run"):
        pass


def test_names_are_numbered_until_one_is_free(tmp_path: Path) -> None:
    assert free_name(tmp_path, "run") == tmp_path / "run"
    for name in ("run", "run-2"):
        (tmp_path / name).mkdir()
    assert free_name(tmp_path, "run") == tmp_path / "run-3"
