import hashlib
from pathlib import Path

import numpy as np

from headstart.features import table as module
from headstart.features.store import FeatureStore
from headstart.features.table import ArrayFeatures, StoredFeatures, read_chunks


def test_a_stored_table_reads_as_the_array_it_was_made_of(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float16)
    digests = [hashlib.blake2b(bytes([n]), digest_size=16).hexdigest() for n in range(30)]
    with FeatureStore(tmp_path, 7) as store:
        store.put(digests, array)
    stored, plain = StoredFeatures(tmp_path, 7, digests), ArrayFeatures(array)
    rows, columns = np.array([29, 3, 3, 0]), np.array([6, 1])
    np.testing.assert_array_equal(stored.read(rows, columns), array[rows][:, columns])
    np.testing.assert_array_equal(plain.read(rows, columns), array[rows][:, columns])
    assert len(stored) == len(plain) == 30


def test_chunks_put_together_are_the_whole(monkeypatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 4)
    array = np.arange(22, dtype=np.float16).reshape(11, 2)
    rows = np.arange(10, -1, -1)
    chunks = list(read_chunks(ArrayFeatures(array), rows, np.array([1])))
    assert [len(chunk) for chunk in chunks] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(chunks), array[rows][:, [1]])
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", 1)
    assert [len(c) for c in read_chunks(ArrayFeatures(array), rows, np.array([1]))] == [4, 4, 3]
    assert list(read_chunks(ArrayFeatures(array), rows[:0], np.array([1]))) == []
