from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.workflows.folder_lock import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from headstart.workflows.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks")


def test_one_at_a_time(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.take()
    assert first.is_held
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_it_leaves_nothing_in_the_folder_and_follows_its_new_name(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    lock = FolderLock(old)
    assert lock.take()
    assert list(old.iterdir()) == []
    old.rename(new)
    assert not FolderLock(new).take()
    lock.release()


def test_a_folder_that_is_not_there_is_not_free(tmp_path: Path) -> None:
    assert not FolderLock(tmp_path / "gone").take()


def test_a_kill_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        assert not FolderLock(tmp_path).take()
        holder.kill()
    lock = FolderLock(tmp_path)
    assert lock.take()
    lock.release()
