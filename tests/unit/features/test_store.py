"""The feature store: what is put comes back, and no damage goes unnoticed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import lmdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headstart.errors import StorageError
from headstart.features import store as store_module
from headstart.features.store import FeatureStore

DIM = 6


def digests(count: int, *, prefix: str = "") -> list[str]:
    return [
        hashlib.blake2b(f"{prefix}{n}".encode(), digest_size=16).hexdigest() for n in range(count)
    ]


def vectors(count: int, *, dim: int = DIM, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float16)


def filled(folder: Path, count: int, *, dim: int = DIM) -> np.ndarray:
    content = vectors(count, dim=dim)
    with FeatureStore(folder, dim) as store:
        store.put(digests(count), content)
    return content


def test_vectors_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    content = filled(tmp_path / "s", 20)
    order = [7, 0, 7, 19]
    with FeatureStore(tmp_path / "s", DIM) as store:
        assert not store.rebuilt
        asked = [digests(20)[row] for row in order]
        np.testing.assert_array_equal(store.read(asked), content[order])
        columns = np.array([5, 1])
        np.testing.assert_array_equal(store.read(asked, columns), content[order][:, columns])
        assert store.read([]).shape == (0, DIM)


@given(arrays(np.float32, (3, 2), elements=st.floats(allow_nan=False, width=32)))
def test_any_number_is_kept_to_half_precision(content: np.ndarray) -> None:
    limit = float(np.finfo(np.float16).max)
    with tempfile.TemporaryDirectory() as folder, FeatureStore(Path(folder), 2) as store:
        store.put(digests(3), content)
        kept = store.read(digests(3))
    assert np.isfinite(kept).all()
    np.testing.assert_array_equal(kept, np.clip(content, -limit, limit).astype(np.float16))


def test_what_is_missing_is_named_once_a_content(tmp_path: Path) -> None:
    known, new = digests(2), digests(2, prefix="new")
    with FeatureStore(tmp_path, DIM) as store:
        store.put(known, vectors(2))
        assert store.missing([new[0], known[1], new[0], new[1], known[1]]) == [0, 3]
        assert store.missing(known) == []
        with pytest.raises(KeyError, match=new[1]):
            store.read([known[0], new[1]])


def test_a_vector_put_again_replaces_the_first(tmp_path: Path) -> None:
    with FeatureStore(tmp_path, DIM) as store:
        for seed in (0, 1):
            store.put(digests(2), vectors(2, seed=seed))
        np.testing.assert_array_equal(store.read(digests(2)), vectors(2, seed=1))


def test_vectors_of_another_length_count_as_missing(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    with FeatureStore(tmp_path, DIM + 1) as store:
        assert store.missing(digests(2)) == [0, 1]


def test_an_error_while_putting_keeps_none_of_the_vectors(tmp_path: Path) -> None:
    with FeatureStore(tmp_path, DIM) as store:
        with pytest.raises(ValueError, match="zip"):
            store.put(digests(3), vectors(2))
        assert store.missing(digests(3)) == [0, 1, 2]


def test_a_changed_byte_in_a_vector_is_noticed(tmp_path: Path) -> None:
    content = filled(tmp_path, 5)
    data = tmp_path / "data.mdb"
    raw = bytearray(data.read_bytes())
    position = raw.find(content[3].tobytes())
    raw[position + 4] ^= 0x10
    data.write_bytes(raw)
    with FeatureStore(tmp_path, DIM) as store:
        assert store.missing(digests(5)) == [3]
        with pytest.raises(KeyError):
            store.read(digests(5))
        store.put(digests(5)[3:4], content[3:4])
        np.testing.assert_array_equal(store.read(digests(5)), content)


def halve(content: bytes) -> bytes:
    return content[: len(content) // 2]


def spoil_tree(content: bytes) -> bytes:
    """Overwrite every page but the two that LMDB begins with."""
    head = 2 * os.sysconf("SC_PAGESIZE")
    return content[:head] + np.random.default_rng(0).bytes(len(content) - head)


DAMAGE = {
    "truncated": halve,
    "one page left": lambda content: content[:4096],
    "garbage": lambda content: b"\x55" * len(content),
    "text": lambda content: b"not a database",
    "spoilt tree": spoil_tree,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_store_is_begun_anew(tmp_path: Path, damage) -> None:
    content = filled(tmp_path, 200, dim=500)
    data = tmp_path / "data.mdb"
    data.write_bytes(damage(data.read_bytes()))
    with FeatureStore(tmp_path, 500) as store:
        assert store.missing(digests(200)) == list(range(200))
        assert store.rebuilt
        store.put(digests(200), content)
        np.testing.assert_array_equal(store.read(digests(200)), content)


def test_damage_that_shows_while_reading_is_said(tmp_path: Path) -> None:
    filled(tmp_path, 200, dim=500)
    data = tmp_path / "data.mdb"
    data.write_bytes(spoil_tree(data.read_bytes()))
    with FeatureStore(tmp_path, 500) as store, pytest.raises(StorageError, match="damaged: run ag"):
        store.read(digests(200))


DIE_WRITING = """
import os, sys
from pathlib import Path
from headstart.features.store import FeatureStore

def deadly():
    yield bytes(16), bytes(16)
    os._exit(9)

FeatureStore(Path(sys.argv[1]), int(sys.argv[2]))._try_put(deadly())
"""


def test_a_process_killed_while_writing_loses_nothing_committed(tmp_path: Path) -> None:
    content = filled(tmp_path, 10)
    done = subprocess.run([sys.executable, "-c", DIE_WRITING, str(tmp_path), str(DIM)])
    assert done.returncode == 9
    with FeatureStore(tmp_path, DIM) as store:
        assert not store.rebuilt
        assert store.missing([*digests(10), "00" * 16]) == [10]
        np.testing.assert_array_equal(store.read(digests(10)), content)


def test_the_map_grows_past_its_first_size(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(store_module, "_FIRST_MAP_BYTES", 64 * 1024)
    content = filled(tmp_path, 300, dim=1000)
    with FeatureStore(tmp_path, 1000) as store:
        np.testing.assert_array_equal(store.read(digests(300)), content)


WRITE_AND_READ = """
import sys
from pathlib import Path
import numpy as np
from headstart.features import store as module

module._FIRST_MAP_BYTES = 64 * 1024
with module.FeatureStore(Path(sys.argv[1]), 500) as store:
    print("ready", flush=True)
    for number in range(60):
        keys = [f"{number:016x}{key:016x}" for key in range(20)]
        store.put(keys, np.full((20, 500), number))
        assert (store.read(keys) == number).all()
"""


def test_processes_write_and_read_at_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(store_module, "_FIRST_MAP_BYTES", 64 * 1024)
    command = [sys.executable, "-c", WRITE_AND_READ, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as other,
        FeatureStore(tmp_path, 500) as store,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        for number in range(60):
            store.put(digests(20, prefix=f"{number}-"), vectors(20, dim=500, seed=number))
            store.missing(digests(20))
        assert other.wait() == 0
        for number in range(60):
            found = store.read(digests(20, prefix=f"{number}-"))
            np.testing.assert_array_equal(found, vectors(20, dim=500, seed=number))
            theirs = [f"{number:016x}{key:016x}" for key in range(20)]
            assert (store.read(theirs) == number).all()


class FullDisk:
    """An environment whose transactions cannot be committed."""

    def __init__(self, real: lmdb.Environment, error: lmdb.Error) -> None:
        self._real = real
        self._error = error

    def __getattr__(self, name: str):
        return getattr(self._real, name)

    def begin(self, *args, write: bool = False, **options):
        if write:
            raise self._error
        return self._real.begin(*args, **options)


@pytest.mark.parametrize(
    "error",
    [
        lmdb.DiskError("mdb_txn_commit: No space left on device"),
        lmdb.Error("mdb_txn_commit: Input/output error"),  # what a write cut short becomes
    ],
)
def test_a_full_disk_names_the_mend(tmp_path: Path, error: lmdb.Error) -> None:
    with FeatureStore(tmp_path, DIM) as store:
        store._environment = FullDisk(store._environment, error)
        with pytest.raises(StorageError, match=r"cannot be written: free some space.*--cache"):
            store.put(digests(2), vectors(2))


def test_a_file_where_the_folder_should_be_names_the_mend(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file")
    with pytest.raises(StorageError, match="choose another folder with --cache"):
        FeatureStore(tmp_path / "features" / "space", DIM)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_names_the_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="choose another folder with --cache"):
        FeatureStore(tmp_path / "space", DIM)
