"""What the catalog states without importing a library, held against the libraries."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.cost import count_gmacs, count_parameters
from headstart.backbones.spec import BackboneSpec, HubWeights, PackagedWeights
from headstart.backbones.timm_adapter import construct, timm_card
from headstart.backbones.timm_names import describe

FROM_TIMM = [spec for spec in CATALOG if spec.library == "timm"]
FROM_HUB = [spec for spec in FROM_TIMM if not isinstance(spec.weights, PackagedWeights)]


def on_meta(spec: BackboneSpec) -> torch.nn.Module:
    with torch.device("meta"):
        return construct(spec).eval()


@pytest.mark.parametrize("spec", FROM_TIMM, ids=lambda spec: spec.name)
def test_its_preprocessing_is_timms(spec: BackboneSpec) -> None:
    card = timm_card(spec.architecture)
    assert card.input_size == (3, spec.size_px, spec.size_px)
    assert (card.mean, card.std) == (spec.mean, spec.std)
    if isinstance(spec.weights, PackagedWeights):
        return  # our own judgement: bicubic for all three
    assert (card.interpolation, card.crop_pct) == (spec.interpolation, spec.crop_fraction)


@pytest.mark.parametrize("spec", FROM_HUB, ids=lambda spec: spec.name)
def test_its_weights_and_their_licence_are_timms(spec: BackboneSpec) -> None:
    card = timm_card(spec.architecture)
    assert card.license == spec.licence.lower()
    if isinstance(spec.weights, HubWeights):
        assert card.hf_hub_id == spec.weights.repository
    else:
        assert card.url == spec.weights.url
        assert not card.hf_hub_id


@pytest.mark.parametrize("spec", FROM_HUB, ids=lambda spec: spec.name)
def test_timms_name_without_a_tag_means_timms_own_choice_of_weights(spec: BackboneSpec) -> None:
    bare = spec.architecture.split(".")[0]
    if find_backbone(bare) is spec:
        assert timm_card(bare).tag == spec.architecture.partition(".")[2]


@pytest.mark.parametrize("spec", FROM_HUB, ids=lambda spec: spec.name)
def test_it_is_what_the_network_says_of_itself(spec: BackboneSpec) -> None:
    """The same that ``timm/NAME`` is described by: taps, cost, how activations lie."""
    told = describe(on_meta(spec), timm_card(spec.architecture), spec.architecture)
    for fact in ("taps", "parameters", "labels", "licence", "channels_last", "prefix_tokens"):
        assert getattr(told, fact) == getattr(spec, fact), fact
    assert (told.multiple_px, told.fixed_size) == (spec.multiple_px, spec.fixed_size)
    assert told.gmacs == pytest.approx(spec.gmacs, abs=6e-4)


@pytest.mark.parametrize(
    "spec", [spec for spec in CATALOG if spec not in FROM_HUB], ids=lambda spec: spec.name
)
def test_its_cost_is_as_declared(spec: BackboneSpec) -> None:
    network = on_meta(spec)
    assert count_parameters(network) == spec.parameters
    assert count_gmacs(network, spec.size_px) == pytest.approx(spec.gmacs, abs=6e-4)


KERAS = {
    "MobileNetV2": 3_538_984,
    "NASNetMobile": 5_326_716,
    "DenseNet121": 8_062_504,
    "Xception": 22_910_480,
    "InceptionV3": 23_851_784,
    "ResNet50": 25_636_712,
    "InceptionResNetV2": 55_873_736,
    "EfficientNetB7": 66_658_687,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
}
"""Parameters as Keras prints them: batch-norm means and variances count."""


def batch_norm_statistics(network: torch.nn.Module) -> int:
    names = ("running_mean", "running_var")
    return sum(b.numel() for name, b in network.named_buffers() if name.endswith(names))


def scales_that_keras_leaves_out(network: torch.nn.Module) -> int:
    """Keras builds its Inception networks with ``BatchNormalization(scale=False)``."""
    norms = (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    return -sum(norm.weight.numel() for norm in norms)


def biases_that_keras_adds(network: torch.nn.Module) -> int:
    """Keras' ResNet has a bias in every convolution, though a batch norm follows."""
    convolutions = (m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    return sum(c.out_channels for c in convolutions if c.bias is None)


def normalisation_layer(network: torch.nn.Module) -> int:
    """Keras' EfficientNets normalise inside: a mean and a variance a channel, and a count."""
    first = next(m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    return 2 * first.in_channels + 1


def nothing(network: torch.nn.Module) -> int:
    return 0


CAUSES = {
    "InceptionV3": (scales_that_keras_leaves_out, -17_216),
    "InceptionResNetV2": (scales_that_keras_leaves_out, -30_272),
    "ResNet50": (biases_that_keras_adds, 26_560),
    "EfficientNetB7": (normalisation_layer, 7),
}
"""What differs between Keras' network and ours, counted on ours; the figure that docs state."""


@pytest.mark.parametrize("name", KERAS)
def test_its_parameters_are_those_of_keras_to_the_last_one(name: str) -> None:
    network = on_meta(find_backbone(name))
    cause, stated = CAUSES.get(name, (nothing, 0))
    assert cause(network) == stated
    ours = count_parameters(network) + batch_norm_statistics(network)
    assert ours + cause(network) == KERAS[name]
