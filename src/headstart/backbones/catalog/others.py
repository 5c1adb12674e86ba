"""The network that timm lacks, and the ones that are trained from scratch."""

from __future__ import annotations

from typing import Final

from headstart.backbones.catalog.entries import IMAGENET, UNIT
from headstart.backbones.spec import BackboneSpec, UrlWeights

NASNET_MOBILE: Final = BackboneSpec(
    name="nasnet_mobile",
    aliases=("NASNetMobile", "nasnet_4a1056"),
    architecture="nasnet_4a1056",
    library="pytorchcv",
    size_px=224,
    interpolation="bilinear",
    crop_fraction=0.875,
    mean=IMAGENET[0],
    std=IMAGENET[1],
    taps=(
        "features.init_block",
        "features.stem1_unit",
        "features.stage1.unit4",
        "features.stage2.unit5",
        "features.stage3.unit5",
    ),
    parameters=5_289_978,
    gmacs=0.568,
    top1=None,
    top1_px=None,
    multiple_px=32,
    weights=UrlWeights(
        "https://github.com/osmr/imgclsmob/releases/download/v0.0.495/"
        "nasnet_4a1056-0803-44f5ecbe.pth.zip",
        "MIT",
        file="nasnet_4a1056-0803-44f5ecbe.pth",
        digest="sha1:44f5ecbe03da2cd21803c555366121e29b207907",
    ),
)


def _scratch(
    name: str, *, size_px: int, taps: tuple[str, ...], parameters: int, gmacs: float
) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        aliases=(),
        architecture=name,
        library="headstart",
        size_px=size_px,
        interpolation="bilinear",
        crop_fraction=1.0,
        mean=UNIT[0],
        std=UNIT[1],
        taps=taps,
        parameters=parameters,
        gmacs=gmacs,
        top1=None,
        top1_px=None,
        weights=None,
        labels=None,
        pooled=True,
    )


SCRATCH: Final[tuple[BackboneSpec, ...]] = (
    _scratch("cnn1", size_px=224, taps=(), parameters=412_068_712, gmacs=0.455),
    _scratch(
        "cnn6", size_px=224, taps=("stages.0", "stages.1"), parameters=52_180_744, gmacs=1.945
    ),
    _scratch(
        "cifar_cnn", size_px=32, taps=("stages.0", "stages.1"), parameters=866_216, gmacs=0.023
    ),
)
