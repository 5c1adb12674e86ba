import pytest

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.errors import UnknownNameError


def test_a_misspelt_name_is_answered_with_what_is_close() -> None:
    with pytest.raises(UnknownNameError, match="did you mean efficientnet_lite2"):
        find_backbone("eficientnet-lite2")


def test_a_name_like_no_other_is_answered_with_all_there_are() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_backbone("zzz")
    assert all(spec.name in str(caught.value) for spec in CATALOG)


def test_names_are_unique() -> None:
    names = [name.lower() for spec in CATALOG for name in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))
