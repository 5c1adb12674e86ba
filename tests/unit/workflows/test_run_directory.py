from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from headstart.errors import ConfigError, StorageError
from headstart.workflows.run_directory import (
    RunDirectory,
    final_of,
    free_name,
    partials_of,
    refuse_existing,
)


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


def stopped(final: Path, *files: str, error: type[BaseException] = KeyboardInterrupt) -> Path:
    """A run that an error stopped after it had written some files."""
    with pytest.raises(error), RunDirectory(final) as run:  # noqa: PT012
        for name in files:
            (run.path / name).parent.mkdir(exist_ok=True)
            (run.path / name).write_text("{}")
        raise error
    return run.path


CHECKPOINT = "checkpoints/step-000000007.safetensors"


@pytest.mark.parametrize("progress", ["plan.json", CHECKPOINT])
def test_it_stays_where_there_is_something_to_go_on_from(tmp_path: Path, progress: str) -> None:
    left = stopped(tmp_path / "run", "resume.json", progress, "bundle/half", "metrics.json")
    found = {path.relative_to(left).as_posix() for path in left.rglob("*") if path.is_file()}
    assert found == {"resume.json", progress}
    assert partials_of(tmp_path / "run") == [left]
    assert final_of(left) == tmp_path / "run"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        (["resume.json"], KeyboardInterrupt),
        ([CHECKPOINT], KeyboardInterrupt),
        (["resume.json", "plan.json"], ConfigError),
    ],
    ids=["nothing done", "not known how", "it would fail again"],
)
def test_it_goes_where_there_is_not(
    tmp_path: Path, files: list[str], error: type[BaseException]
) -> None:
    stopped(tmp_path / "run", *files, error=error)
    assert list(tmp_path.iterdir()) == []


def test_going_on_keeps_what_was_kept_and_sweeps_the_rest(tmp_path: Path) -> None:
    left = stopped(tmp_path / "run", "resume.json", "plan.json", CHECKPOINT)
    for name in ("bundle/weights", ".plan.json.0123", "checkpoints/.step-8.0123", "report.html"):
        (left / name).parent.mkdir(exist_ok=True)
        (left / name).write_text("half")
    with pytest.raises(ConfigError), RunDirectory(tmp_path / "run", partial=left) as run:  # noqa: PT012
        names = {path.name for path in run.path.rglob("*") if path.is_file()}
        assert names == {"resume.json", "plan.json", Path(CHECKPOINT).name}
        raise ConfigError
    assert run.kept
    with RunDirectory(tmp_path / "run", partial=left) as run:
        (run.path / "metrics.json").write_text("{}")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"metrics.json", "plan.json"}
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


def test_two_cannot_go_on_with_the_same(tmp_path: Path) -> None:
    left = stopped(tmp_path / "run", "resume.json", "plan.json")
    with (
        RunDirectory(tmp_path / "run", partial=left),
        pytest.raises(ConfigError, match="another process"),
        RunDirectory(tmp_path / "run", partial=left),
    ):
        pass


def test_a_process_number_that_comes_again_destroys_nothing(tmp_path: Path) -> None:
    left = stopped(tmp_path / "run", "resume.json", "plan.json")
    with RunDirectory(tmp_path / "run") as run:
        assert run.path != left
    assert (left / "plan.json").exists()


def test_a_new_run_removes_the_remains_of_killed_ones_only(tmp_path: Path) -> None:
    dead, of_another = tmp_path / ".run.partial-1", tmp_path / ".run-2.partial-1"
    for folder in (dead, of_another):
        (folder / "plots").mkdir(parents=True)
    kept = stopped(tmp_path / "run", "resume.json", "plan.json")
    with RunDirectory(tmp_path / "run") as alive, RunDirectory(tmp_path / "run") as other:
        assert alive.path.exists()
        assert other.path.exists()
        assert not dead.exists()
        other.final = tmp_path / "other"
    assert of_another.exists()
    assert kept.exists()
