import subprocess
import sys

import pytest

from headstart.backbones.catalog import CATALOG, find_backbone, search_backbones
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


@pytest.mark.parametrize(
    ("keras", "architecture"),
    [
        ("VGG16", "vgg16.tv_in1k"),
        ("InceptionV3", "inception_v3.tv_in1k"),
        ("Xception", "legacy_xception.tf_in1k"),
        ("ResNet50", "resnet50.a1_in1k"),
        ("InceptionResNetV2", "inception_resnet_v2.tf_in1k"),
        ("MobileNetV2", "mobilenetv2_100.ra_in1k"),
        ("NASNetMobile", "nasnet_4a1056"),
        ("DenseNet121", "densenet121.ra_in1k"),
        ("EfficientNetB7", "tf_efficientnet_b7.ns_jft_in1k"),
        ("EfficientNetV2S", "tf_efficientnetv2_s.in21k_ft_in1k"),
        ("ConvNeXtTiny", "convnext_tiny.in12k_ft_in1k"),
    ],
)
def test_names_of_keras_are_known(keras: str, architecture: str) -> None:
    assert find_backbone(keras).architecture == architecture


def test_a_search_looks_at_every_name() -> None:
    assert [spec.name for spec in search_backbones("NASNETMOBILE")] == ["nasnet_mobile"]
    assert search_backbones("no such network") == []
    assert search_backbones("") == list(CATALOG)


def test_a_name_of_timms_is_answered_with_how_to_ask_for_it() -> None:
    with pytest.raises(UnknownNameError, match="did you mean timm/resnext50_32x4d"):
        find_backbone("ResNeXt50_32x4d")


def test_listing_imports_no_library() -> None:
    program = (
        "import sys; import headstart.cli.backbones\n"
        "print({'torch', 'timm', 'pytorchcv', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
