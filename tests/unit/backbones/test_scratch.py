"""The from-scratch networks, layer by layer as the replaced systems drew them."""

import pytest
import torch
from torch import nn

from headstart.backbones.scratch import DRAWINGS, build_scratch


def layers(network: nn.Module) -> list[str]:
    told = {
        nn.Conv2d: lambda m: f"conv{m.out_channels}",
        nn.BatchNorm2d: lambda m: "norm",
        nn.ReLU: lambda m: "relu",
        nn.MaxPool2d: lambda m: "pool",
        nn.Dropout: lambda m: f"drop{m.p:g}",
        nn.Linear: lambda m: f"dense{m.out_features}",
    }
    return [told[type(m)](m) for m in network.modules() if type(m) in told]


DRAWN = {
    "cnn1": "conv32 relu pool drop0 dense1024 relu drop0.5 dense1000",
    "cnn6": """conv32 relu conv32 relu pool drop0.2 conv64 relu conv64 relu pool drop0.2
        conv128 relu conv128 relu pool drop0.2 dense512 relu drop0.5 dense1000""",
    "cifar_cnn": """conv32 relu norm conv32 relu norm pool drop0.2
        conv64 relu norm conv32 relu norm pool drop0.2
        conv128 relu norm pool drop0.2 dense256 relu drop0.45 dense1000""",
}


@pytest.mark.parametrize(("name", "drawn"), DRAWN.items())
def test_it_is_drawn_so(name: str, drawn: str) -> None:
    assert layers(build_scratch(name, size_px=32)) == drawn.split()


@pytest.mark.parametrize("name", DRAWINGS)
def test_it_learns(name: str) -> None:
    """A few steps on four images of two colours, and it tells them apart."""
    torch.manual_seed(0)
    network = build_scratch(name, size_px=16)
    network.reset_classifier(2)
    images = torch.rand(4, 3, 16, 16) * 0.1
    images[:2, 0] += 0.8
    labels = torch.tensor([0, 0, 1, 1])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert nn.functional.cross_entropy(network.eval()(images), labels) < 0.3


def test_without_a_classifier_it_answers_with_its_hidden_layer() -> None:
    network = build_scratch("cifar_cnn", size_px=32).eval()
    network.reset_classifier(0)
    assert network.num_classes == 0
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 256)


def test_any_size_will_do_when_it_is_built() -> None:
    assert build_scratch("cnn6", size_px=37)(torch.zeros(1, 3, 37, 37)).shape == (1, 1000)
