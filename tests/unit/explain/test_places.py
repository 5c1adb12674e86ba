"""Which axis is channels is told from shapes alone."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.explain.places import Places, find_places


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((1, 320, 7, 7), 320, Places(1, 7)),
        ((1, 7, 7, 768), 768, Places(3, 7)),
        ((1, 196, 768), 768, Places(2, 14)),
        ((1, 197, 192), 192, Places(2, 14, 1)),
        ((1, 198, 192), 192, Places(2, 14, 2)),
        ((1, 1374, 384), 384, Places(2, 37, 5)),
        ((1, 256, 1024), 1024, Places(2, 16)),
        ((1, 1024, 256), 1024, Places(1, 16)),
        ((1, 1024, 256), 256, Places(2, 32)),
        ((1, 320, 1, 1), 320, None),
        ((1, 1000), 1000, None),
        ((1, 768, 1), 768, None),
        ((1, 7, 5, 3), 7, None),
    ],
)
def test_the_square_is_found(
    shape: tuple[int, ...], channels: int, expected: Places | None
) -> None:
    assert find_places(shape, channels=channels) == expected


def test_all_ways_of_lying_are_read_the_same() -> None:
    maps = np.random.default_rng(0).normal(size=(1, 5, 3, 3))
    tokens = maps.reshape(1, 5, 9).transpose(0, 2, 1)
    with_class = np.concatenate([np.full((1, 1, 5), 9.0), tokens], axis=1)
    for places, activation in (
        (Places(1, 3), maps),
        (Places(3, 3), maps.transpose(0, 2, 3, 1)),
        (Places(2, 3), tokens),
        (Places(1, 3), tokens.transpose(0, 2, 1)),
        (Places(2, 3, 1), with_class),
    ):
        np.testing.assert_array_equal(places.square(activation), maps[0])
