"""The backbones headstart knows, one declarative entry each; no library is imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from functools import cache
from typing import Final

from headstart.backbones.catalog.classics import CLASSICS
from headstart.backbones.catalog.convolutional import CONVOLUTIONAL
from headstart.backbones.catalog.efficientnets import EFFICIENTNETS
from headstart.backbones.catalog.lite import LITE
from headstart.backbones.catalog.others import NASNET_MOBILE, SCRATCH
from headstart.backbones.catalog.transformers import TRANSFORMERS
from headstart.backbones.spec import BackboneSpec
from headstart.errors import UnknownNameError

__all__ = ["CATALOG", "find_backbone", "search_backbones"]

CATALOG: Final[tuple[BackboneSpec, ...]] = (
    *LITE,
    *CLASSICS,
    NASNET_MOBILE,
    *EFFICIENTNETS,
    *CONVOLUTIONAL,
    *TRANSFORMERS,
    *SCRATCH,
)

_TIMM = "timm/"


def find_backbone(name: str) -> BackboneSpec:
    """Return the entry that a name or alias means, in any case.

    ``timm/NAME`` means any network of timm's, described on the spot.

    Raises:
        UnknownNameError: No entry has the name; the message says what is close.

    >>> find_backbone("EfficientNetLite0").name
    'efficientnet_lite0'
    >>> find_backbone("inceptionV3").architecture
    'inception_v3.tv_in1k'
    """
    wanted = name.lower()
    if wanted.startswith(_TIMM):
        from headstart.backbones.timm_names import resolve_timm

        return resolve_timm(wanted)
    index = _index()
    if wanted not in index:
        raise UnknownNameError("backbone", name, _candidates(name))
    return index[wanted]


def search_backbones(search: str) -> list[BackboneSpec]:
    """Return the entries one of whose names contains a text, in any case.

    >>> [spec.name for spec in search_backbones("LITE2")]
    ['efficientnet_lite2']
    """
    wanted = search.lower()
    return [spec for spec in CATALOG if any(wanted in name.lower() for name in spec.names)]


def _candidates(name: str) -> Iterable[str]:
    """Return what could have been meant: our entries, and timm's network of that very name."""
    own = [spec.name for spec in CATALOG]
    if importlib.util.find_spec("timm") is None:
        return own
    from headstart.backbones.timm_names import is_timm_name

    return [f"{_TIMM}{name.lower()}"] if is_timm_name(name) else own


@cache
def _index() -> dict[str, BackboneSpec]:
    index: dict[str, BackboneSpec] = {}
    for spec in CATALOG:
        for name in spec.names:
            assert name.lower() not in index, f"two backbones are called {name}"
            index[name.lower()] = spec
    return index
