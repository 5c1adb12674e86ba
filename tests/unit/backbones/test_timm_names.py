"""``timm/NAME``: networks that are not in the catalog."""

import pytest
import torch

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import export_onnx, graph_key
from headstart.backbones.spec import HubWeights
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import WeightsFile
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import ConfigError, UnknownNameError


def test_a_network_is_described_by_timms_own_card() -> None:
    spec = find_backbone("timm/ResNet26.bt_in1k")
    assert spec.name == spec.name.lower() == "timm/resnet26.bt_in1k"
    assert spec.weights == HubWeights("timm/resnet26.bt_in1k", "Apache-2.0")
    assert (spec.size_px, spec.interpolation, spec.crop_fraction) == (224, "bicubic", 0.875)
    assert spec.mean == (0.485, 0.456, 0.406)
    assert spec.taps == ("act1", "layer1", "layer2", "layer3")
    assert spec.parameters == 15_995_176
    assert spec.labels == "imagenet-1k"
    assert spec.top1 is None


def test_without_a_tag_it_is_timms_first_choice_of_weights() -> None:
    assert find_backbone("timm/resnet26").weights == find_backbone("timm/resnet26.bt_in1k").weights


def test_outputs_that_are_not_imagenets_classes_are_no_answer() -> None:
    assert find_backbone("timm/vit_tiny_patch16_224.augreg_in21k").labels is None


def test_an_unknown_name_is_answered_with_what_is_close() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*resnet26"):
        find_backbone("timm/resnet26x")


def test_it_can_name_a_file() -> None:
    assert "/" not in graph_key(find_backbone("timm/resnet26"), 64, WeightsFile("random", seed=0))


@pytest.mark.parametrize(
    ("name", "size_px"),
    [
        ("resnext26ts", 64),
        ("levit_128s", 224),  # tokens behind a convolutional stem
        ("maxvit_pico_rw_256", 64),  # windows
        ("mixer_s32_224", 224),  # one size only, no prefix token
        ("vit_tiny_patch16_224", 48),
        ("xcit_nano_12_p16_224", 224),
        ("pvt_v2_b0", 64),
        ("poolformer_s12", 64),
    ],
)
def test_kinds_of_networks_that_the_catalog_lacks_work_too(
    name: str, size_px: int, tmp_path, photos
) -> None:
    spec = find_backbone(f"timm/{name}")
    torch.manual_seed(0)
    module = TappedBackbone(build_network(spec, size_px=size_px), spec)
    layout = module.measure_layout(size_px)
    path = tmp_path / "graph.onnx"
    path.write_bytes(export_onnx(module, layout, size_px))
    pixels = torch.from_numpy(photos[0][None, :size_px, :size_px].copy())
    (found,) = OpenVinoEngine(path, precision="f32", batch_size=1).stream([pixels.numpy()])
    with torch.inference_mode():
        expected = torch.cat(module(pixels), dim=1)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=2e-3, atol=2e-3)


def test_a_network_of_one_size_refuses_others() -> None:
    spec = find_backbone("timm/mixer_s32_224")
    with pytest.raises(ConfigError, match="one side only"):
        build_network(spec, size_px=96)
