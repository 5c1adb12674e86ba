"""Files are written whole: killed or out of space, the old content stays."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headstart.errors import StorageError
from headstart.files import storage_errors, write_bytes, write_csv, write_json, write_text


def test_content_is_written_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_json_keeps_order_and_letters(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"z": 1, "a": "é"})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"z": 1, "a": "é"}
    assert text.index("z") < text.index("é")


def test_csv_reads_back_whatever_is_in_a_cell(tmp_path: Path) -> None:
    rows = [["a,b", 'say "x"'], ["line\nbreak", "é"], ["", " "]]
    write_csv(tmp_path / "x.csv", ["one", "two"], rows)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["one", "two"], *rows]


KILLED = """
import os, signal, sys
from pathlib import Path
from headstart import files

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_bytes(Path(sys.argv[1]), b"new" * 100_000)
"""


def test_a_process_killed_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert done.returncode == -9
    assert path.read_bytes() == b"old"


def failing(number: int):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["os.fsync", "os.replace"])
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "is full: free some space"),
        (errno.EDQUOT, "is full: free some space"),
        (errno.EACCES, r"cannot be written \(Permission denied\): choose another place"),
        (errno.EROFS, r"cannot be written \(Read-only file system\): choose another"),
    ],
)
def test_a_disk_that_is_full_or_refuses_names_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, message: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(call, failing(number))
        with pytest.raises(StorageError, match=message) as caught:
            write_bytes(path, b"new")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["a file/x", "a file/x/y", "a folder", "x" * 300])
def test_a_place_that_cannot_hold_a_file_names_the_mend(tmp_path: Path, place: str) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").write_text("old")
    with pytest.raises(StorageError, match="choose another place"):
        write_text(tmp_path / place, "new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a file", "a folder"]


def test_an_interruption_leaves_no_temporary_file(tmp_path: Path, monkeypatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_system_are_not_dressed_up(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error"), storage_errors(tmp_path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_written_file_has_the_users_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_writers_at_once_leave_one_whole_content(tmp_path: Path) -> None:
    contents = [bytes([n]) * 50_000 for n in range(8)]
    threads = [
        threading.Thread(target=write_bytes, args=(tmp_path / "file", content))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_names_the_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="choose another place"):
        write_bytes(tmp_path / "file", b"")
