from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from headstart.errors import ConfigError
from headstart.training.freezing import Freezing, apply_freezing, plan_freezing, set_mode
from headstart.training.layers import Layer

STAGES = ("low", "middle", "high")
Layers = tuple[Layer, ...]


def train_steps(classifier: Any, steps: int = 3) -> dict[str, torch.Tensor]:
    """Train on noise; return the state before."""
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    trained = [p for p in classifier.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.5)
    for step in range(steps):
        images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(step))
        loss = nn.functional.cross_entropy(classifier(images), torch.tensor([0, 1, 0, 1]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return before


def changed(classifier: Any, before: dict[str, torch.Tensor]) -> set[str]:
    after = classifier.state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    return {name.removeprefix("backbone.network.") for name in moved}


def statistics(names: set[str]) -> set[str]:
    return {name.rpartition(".")[0] for name in names if "running" in name or "tracked" in name}


@pytest.mark.parametrize("batch_norm", ["frozen", "train"])
def test_what_is_frozen_stays_bit_for_bit(batch_norm: Any, toy: Any, toy_layers: Layers) -> None:
    freezing = apply_freezing(toy, "last stage", layers=toy_layers, batch_norm=batch_norm)
    moved = changed(toy, train_steps(toy))
    weights = {name for name in moved if "running" not in name and "tracked" not in name}
    # the convolution's bias before a batch norm that trains has next to no gradient
    assert weights | {"high.0.bias"} == freezing.trained | {"head.weight", "head.bias"}
    assert freezing.boundary == "middle"


def test_running_statistics_stay_still(toy: Any, toy_layers: Layers) -> None:
    apply_freezing(toy, "all", layers=toy_layers)
    assert statistics(changed(toy, train_steps(toy))) == set()


def test_batch_norms_in_the_trained_part_train_where_told_to(toy: Any, toy_layers: Layers) -> None:
    apply_freezing(toy, "last 2 stages", layers=toy_layers, batch_norm="train")
    assert statistics(changed(toy, train_steps(toy))) == {"middle.1", "high.1"}


def test_modes_come_back_after_a_validation(toy: Any, toy_layers: Layers) -> None:
    freezing = apply_freezing(toy, "last 2 stages", layers=toy_layers)
    toy.train()  # what loops do without thinking
    set_mode(toy, freezing)
    network = toy.backbone.network
    training = {name for name, module in network.named_modules() if module.training}
    middle = {"middle", "middle.0", "middle.2", "middle.3"}
    high = {"high", "high.0", "high.2", "high.3"}
    assert training == {"", "norm"} | middle | high
    assert toy.head.training
    assert toy.training
    assert statistics(changed(toy, train_steps(toy))) == set()


def test_dropout_of_frozen_stages_is_off(toy: Any, toy_layers: Layers) -> None:
    freezing = apply_freezing(toy, "last stage", layers=toy_layers)
    network, images = toy.backbone.network, torch.ones(1, 3, 16, 16)
    with torch.no_grad():
        trunk = [network.middle(network.low(images)) for _ in range(2)]
        torch.manual_seed(1)
        tops = [network.high(trunk[0]) for _ in range(2)]
    assert torch.equal(*trunk)
    assert not torch.equal(*tops)
    assert freezing.first_trained == toy_layers[8]


def test_a_glob_in_the_middle_leaves_what_follows_at_rest(toy: Any, toy_layers: Layers) -> None:
    apply_freezing(toy, "middle.*", layers=toy_layers, batch_norm="train")
    network = toy.backbone.network
    assert network.middle[3].training
    assert not network.high[3].training
    assert statistics(changed(toy, train_steps(toy))) == {"middle.1"}


def test_the_head_is_always_trained_and_the_old_classifier_never(
    toy: Any, toy_layers: Layers
) -> None:
    for expression in ("head", "all", "0.5", "norm"):
        apply_freezing(toy, expression, layers=toy_layers)
        assert all(p.requires_grad for p in toy.head.parameters())
        assert not any(p.requires_grad for p in toy.backbone.network.classifier.parameters())


def test_a_mistake_changes_nothing(toy: Any, toy_layers: Layers) -> None:
    apply_freezing(toy, "last stage", layers=toy_layers)
    before = [p.requires_grad for p in toy.parameters()]
    with pytest.raises(ConfigError):
        apply_freezing(toy, "last 9 stages", layers=toy_layers)
    assert [p.requires_grad for p in toy.parameters()] == before


def test_phases_thaw_and_freeze_again(toy: Any, toy_layers: Layers) -> None:
    apply_freezing(toy, "all", layers=toy_layers)
    freezing = apply_freezing(toy, "head", layers=toy_layers)
    assert changed(toy, train_steps(toy)) == {"head.weight", "head.bias"}
    assert (freezing.parameters_trained, freezing.first_trained) == (0, None)


def test_the_summary_says_how_much_is_trained(lite0_layers: Layers) -> None:
    stages = tuple(f"blocks.{stage}" for stage in range(1, 7))
    freezing: Freezing = plan_freezing("last 2 stages", lite0_layers, stages)
    assert freezing.summary == (
        "layers 88 to 130 (from blocks.5.0.conv_pw) and the head: "
        "2,670,240 of 3,371,008 backbone parameters (79.2 %), frozen up to blocks.4, "
        "batch norm frozen"
    )
    biases = plan_freezing("*.bias", lite0_layers, stages)
    assert biases.parameters_trained == sum(
        size for layer in lite0_layers for name, size in layer.weights.items() if "bias" in name
    )


def test_batch_norms_that_also_activate_keep_their_statistics() -> None:
    from timm.layers import BatchNormAct2d

    from headstart.training.layers import list_layers

    network = nn.Sequential(nn.Conv2d(3, 4, 1), BatchNormAct2d(4))
    layers = list_layers(network, size_px=8)
    assert [layer.name for layer in layers] == ["0", "1", "1.act"]

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = nn.Module(), nn.Linear(4, 2)
            self.backbone.network, self.backbone.taps = network, ("1",)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(network(images).mean((2, 3)))

    plain: Any = Plain()
    apply_freezing(plain, "all", layers=layers)
    assert statistics(changed(plain, train_steps(plain))) == set()
    apply_freezing(plain, "all", layers=layers, batch_norm="train")
    assert statistics(changed(plain, train_steps(plain))) == {"1"}
