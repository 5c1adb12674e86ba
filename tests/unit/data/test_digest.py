import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.containers import ArraysContainer
from headstart.data.digest import Digesting, content_digest


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_bytes_share_a_digest_only_when_equal(one: bytes, other: bytes) -> None:
    assert (content_digest(one) == content_digest(other)) == (one == other)


def test_bytes_hash_as_the_standard_tool_does() -> None:
    assert content_digest(b"photo") == hashlib.blake2b(b"photo", digest_size=16).hexdigest()


def test_an_array_never_collides_with_its_own_bytes() -> None:
    array = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    stored = array.tobytes()
    assert content_digest(array) not in {
        content_digest(stored),
        content_digest(b"(2, 2, 3)" + stored),
    }


def test_the_shape_of_an_array_counts() -> None:
    tall, wide = np.zeros((4, 2, 3), np.uint8), np.zeros((2, 4, 3), np.uint8)
    assert content_digest(tall) != content_digest(wide)


def test_the_memory_layout_of_an_array_does_not_count() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert content_digest(array) == content_digest(np.asfortranarray(array))


def test_what_is_read_is_remembered_by_its_digest() -> None:
    arrays = [np.full((2, 2, 3), shade, np.uint8) for shade in (0, 9)]
    container = Digesting(ArraysContainer(arrays))
    first, second = container.names()
    assert (container.read(second) == arrays[1]).all()
    assert container.of(second) == content_digest(arrays[1])
    assert container.of(first) == ""
    assert container.location == "2 arrays"
