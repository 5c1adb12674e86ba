import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.sizes import check_size, nearest_sizes
from headstart.errors import ConfigError

VIT = find_backbone("vit_small_patch14_dinov2")


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.name)
def test_a_network_takes_its_own_size(spec) -> None:
    check_size(spec, spec.size_px)


def test_an_impossible_size_is_answered_with_the_nearest_possible_ones() -> None:
    with pytest.raises(ConfigError, match=r"multiple of 14 px.*not 200 px.*to 196 or 210"):
        check_size(VIT, 200)


def test_a_size_too_small_is_answered_with_the_smallest() -> None:
    with pytest.raises(ConfigError, match=r"at least 75 px, not 64 px.*to 75$"):
        check_size(find_backbone("InceptionV3"), 64)


def test_a_network_of_one_size_says_so() -> None:
    fixed = dataclasses.replace(VIT, fixed_size=True)
    with pytest.raises(ConfigError, match=r"one side only, not 224 px.*to 518$"):
        check_size(fixed, 224)


@given(st.integers(1, 3000), st.integers(1, 64), st.integers(1, 200))
def test_the_nearest_sizes_are_possible_and_around(size_px, multiple_px, least_px) -> None:
    spec = dataclasses.replace(VIT, multiple_px=multiple_px, least_px=least_px)
    found = nearest_sizes(spec, size_px)
    for size in found:
        check_size(spec, size)
        assert size >= least_px
        assert size % multiple_px == 0
        assert abs(size - size_px) < multiple_px or size_px < least_px
