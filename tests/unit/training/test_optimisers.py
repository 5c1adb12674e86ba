import copy
from typing import get_args

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from headstart.config.training import OptimiserConfig, OptimiserName
from headstart.errors import ConfigError
from headstart.training.optimisers import (
    build_optimiser,
    check_optimiser,
    parameter_groups,
    set_rates,
)

NAMES = get_args(OptimiserName)
DEPTHS = {"early.weight": 2, "early.bias": 2, "norm.weight": 1, "norm.bias": 1}
BETAS = {"betas": (0.8, 0.99), "epsilon": 1e-7}
USED = {
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"momentum": 0.5, "rho": 0.9, "epsilon": 3e-4, "centered": True},
    "adagrad": {"epsilon": 1e-7, "initial_accumulator": 0.1},
    "adam": {**BETAS, "amsgrad": True},
    "adamw": {**BETAS, "amsgrad": True},
}


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = {"early": nn.Linear(4, 3), "norm": nn.LayerNorm(3), "head": nn.Linear(3, 2)}
    return nn.ModuleDict(layers)


def groups_of(net: nn.Module, config: OptimiserConfig):
    return parameter_groups(net.named_parameters(), DEPTHS, "head", config)


def train(net: nn.Module, optimiser: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        images = torch.randn(5, 4, generator=torch.Generator().manual_seed(step))
        set_rates(optimiser, 1 / (1 + step))
        optimiser.zero_grad()
        net["head"](net["norm"](net["early"](images))).square().mean().backward()
        optimiser.step()


def test_rates_fall_with_depth_and_the_head_has_its_own() -> None:
    config = OptimiserConfig(learning_rate=0.1, layer_decay=0.5, head_factor=10, weight_decay=0.01)
    net = network()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    found = {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in groups_of(net, config)
        for parameter in group["params"]
    }
    assert found == {
        "early.weight": (pytest.approx(0.025), 0.01),
        "early.bias": (pytest.approx(0.025), 0),
        "norm.weight": (pytest.approx(0.05), 0),
        "norm.bias": (pytest.approx(0.05), 0),
        "head.weight": (pytest.approx(1.0), 0.01),
        "head.bias": (pytest.approx(1.0), 0),
    }


def test_frozen_parameters_are_left_out_and_a_like_name_is_no_head() -> None:
    net = nn.ModuleDict({"head": nn.Linear(2, 2), "headroom": nn.Linear(2, 2)})
    net["head"].weight.requires_grad_(False)
    config = OptimiserConfig(head_factor=10, learning_rate=1)
    depths = {"headroom.weight": 0, "headroom.bias": 0}
    groups = parameter_groups(net.named_parameters(), depths, "head.", config)
    rates = [group["lr"] for group in groups for _ in group["params"]]
    assert sorted(rates) == [1, 1, 10]


@pytest.mark.parametrize("name", NAMES)
def test_every_optimiser_goes_on_bit_for_bit_from_its_saved_state(name) -> None:
    config = OptimiserConfig(
        name=name, learning_rate=0.05, layer_decay=0.7, weight_decay=0.1, **USED.get(name, BETAS)
    )
    whole, resumed = network(), network()
    optimiser = build_optimiser(groups_of(whole, config), config)
    train(whole, optimiser, range(4))
    resumed.load_state_dict(whole.state_dict())
    state = copy.deepcopy(optimiser.state_dict())
    train(whole, optimiser, range(4, 9))
    again = build_optimiser(groups_of(resumed, config), config)
    again.load_state_dict(state)
    train(resumed, again, range(4, 9))
    started = network().state_dict()
    for key, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key])
        assert not torch.equal(tensor, started[key])


def test_settings_reach_the_optimiser() -> None:
    weights = [nn.Parameter(torch.zeros(2, 2))]
    for name in NAMES:
        config = OptimiserConfig(name=name, learning_rate=0.3, weight_decay=0.2)
        given = config.model_copy(update=USED.get(name, BETAS))
        group = build_optimiser([{"params": weights}], given).param_groups[0]
        assert (group["lr"], group["weight_decay"]) == (0.3, 0.2)
        keys = {"rho": "alpha", "epsilon": "eps"}
        keys["initial_accumulator"] = "initial_accumulator_value"
        for key, value in USED.get(name, BETAS).items():
            assert group[keys.get(key, key)] == value


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adagrad"])
def test_a_gradient_may_lie_otherwise_in_memory_than_its_weight(name) -> None:
    config = OptimiserConfig(name=name, learning_rate=0.05, **USED.get(name, BETAS))
    found = []
    for how in (torch.channels_last, torch.contiguous_format):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(4, 3, 5, 5).contiguous(memory_format=torch.channels_last))
        optimiser = build_optimiser([{"params": [weight]}], config)
        for step in range(4):
            if step == 2:  # as a checkpoint gives it back
                state = copy.deepcopy(optimiser.state_dict())
                for values in state["state"].values():
                    values.update({k: v.contiguous() for k, v in values.items() if v is not None})
                optimiser = build_optimiser([{"params": [weight]}], config)
                optimiser.load_state_dict(state)
            weight.grad = torch.randn(4, 3, 5, 5).contiguous(memory_format=how)
            optimiser.step()
        found.append(weight.detach())
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_unset_settings_are_those_of_torch() -> None:
    weights = [nn.Parameter(torch.zeros(2, 2))]
    ours = build_optimiser([{"params": weights}], OptimiserConfig(name="rmsprop"))
    theirs = torch.optim.RMSprop(weights, lr=1e-3).param_groups[0]
    group = {key: value for key, value in ours.param_groups[0].items() if key != "initial_lr"}
    assert group == theirs


def test_weight_decay_of_adamw_shrinks_weights_and_that_of_adam_joins_the_gradient() -> None:
    found = {}
    for name in ("adamw", "adam"):
        weight = nn.Parameter(torch.full((1, 1), 2.0))
        config = OptimiserConfig(name=name, learning_rate=0.1, weight_decay=0.5)
        optimiser = build_optimiser([{"params": [weight]}], config)
        weight.grad = torch.zeros(1, 1)
        optimiser.step()
        found[name] = weight.item()
    assert found == pytest.approx({"adamw": 2 * (1 - 0.1 * 0.5), "adam": 2 - 0.1})


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("adam", {"nesterov": True}),
        ("adamw", {"momentum": 0.9}),
        ("sgd", {"betas": (0.9, 0.99)}),
        ("sgd", {"epsilon": 1e-7}),
        ("rmsprop", {"nesterov": False}),
        ("adagrad", {"rho": 0.9}),
    ],
)
def test_a_setting_that_the_optimiser_does_not_take_is_refused(name, setting) -> None:
    config = OptimiserConfig(name=name, **setting)
    with pytest.raises(ConfigError, match=f"optimiser.{next(iter(setting))} .* {name} takes no"):
        build_optimiser([{"params": [nn.Parameter(torch.zeros(1))]}], config)


def test_nesterov_needs_momentum_and_betas_lie_below_one() -> None:
    with pytest.raises(ConfigError, match=r"nesterov is set, but sgd has no momentum"):
        check_optimiser(OptimiserConfig(name="sgd", nesterov=True))
    with pytest.raises(ValidationError, match="less than 1"):
        OptimiserConfig(betas=(0.9, 1.0))


def test_rates_are_multiples_of_the_initial_ones() -> None:
    config = OptimiserConfig(learning_rate=0.1, head_factor=10)
    optimiser = build_optimiser(groups_of(network(), config), config)
    for factor in (0.5, 0.25):
        set_rates(optimiser, factor)
        rates = {round(group["lr"], 6) for group in optimiser.param_groups}
        assert rates == {0.1 * factor, 1.0 * factor}


def test_the_heads_weights_may_decay_by_themselves() -> None:
    config = OptimiserConfig(name="sgd", weight_decay=0.01, head_weight_decay=0.5)
    net = network()
    decays = {
        id(parameter): group["weight_decay"]
        for group in groups_of(net, config)
        for parameter in group["params"]
    }
    assert decays[id(net["head"].weight)] == 0.5
    assert decays[id(net["early"].weight)] == 0.01
    assert decays[id(net["head"].bias)] == 0


def test_keras_l2_is_a_weight_decay_of_twice_as_much() -> None:
    net = network()["head"]
    before = net.weight.detach().clone()
    optimiser = torch.optim.SGD([{"params": [net.weight], "weight_decay": 2 * 0.01}], lr=0.1)
    net.weight.grad = torch.zeros_like(net.weight)
    optimiser.step()
    penalty_gradient = 2 * 0.01 * before  # of .01 times the squared weights
    torch.testing.assert_close(net.weight.detach(), before - 0.1 * penalty_gradient)


@pytest.mark.parametrize("gradient", [1e-8, 1e-5, 3.16e-4, 1e-2, 1.0])
def test_rmsprop_with_the_recipes_epsilon_steps_as_keras_does_or_shorter(gradient: float) -> None:
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    config = OptimiserConfig(name="rmsprop", learning_rate=1.0, rho=0.9, epsilon=3.16e-4)
    optimiser = build_optimiser([{"params": [weight]}], config)
    weight.grad = torch.full_like(weight, gradient)
    optimiser.step()
    keras = gradient / (0.1 * gradient**2 + 1e-7) ** 0.5
    assert 0.7 < -weight.item() / keras < 1.001
