from contextlib import suppress

import pytest
import torch
from torch import nn

from headstart.errors import WeightsError
from headstart.training.ema import MovingAverage


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).to(dtype)


def move(net: nn.Module, step: int) -> None:
    """Change parameters, running statistics and the batch counter."""
    random = torch.Generator().manual_seed(step)
    net.train()(torch.randn(2, 3, 4, 4, generator=random).to(net[0].weight.dtype))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += torch.randn(parameter.shape, generator=random)


def test_the_average_follows_the_formula_with_a_low_decay_at_first() -> None:
    net = network()
    average = MovingAverage(net, 0.3)
    expected = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for step, decay in enumerate([1 / 10, 2 / 11, 3 / 12, 0.3, 0.3]):
        move(net, step)
        average.update()
        for name, tensor in net.state_dict().items():
            kept = decay if tensor.is_floating_point() else 0
            expected[name] = kept * expected[name] + (1 - kept) * tensor
    with average.applied():
        for name, tensor in net.state_dict().items():
            torch.testing.assert_close(tensor, expected[name].to(tensor.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_exact_weights_come_back_even_after_an_error(dtype) -> None:
    net = network(dtype)
    average = MovingAverage(net, 0.99)
    move(net, 0)
    average.update()
    move(net, 1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with suppress(ZeroDivisionError), average.applied():
        assert not torch.equal(net[0].weight, before["0.weight"])
        raise ZeroDivisionError
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_weights_that_stand_still_are_their_own_average() -> None:
    net = network()
    net[0].requires_grad_(False)
    still = net[0].weight.clone()
    average = MovingAverage(net, 0.999)
    for _ in range(50):
        average.update()
    with average.applied():
        assert torch.equal(net[0].weight, still)


def test_small_changes_of_half_precision_weights_add_up() -> None:
    net = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    nn.init.constant_(net.weight, 1.0)
    average = MovingAverage(net, 0.999)
    for _ in range(200):  # past the warm-up
        average.update()
    nn.init.constant_(net.weight, 1.0078125)
    for _ in range(2000):
        average.update()
    with average.applied():
        assert net.weight.item() == 1.0078125


def test_going_on_from_saved_state_is_bit_for_bit() -> None:
    whole, resumed = network(), network()
    first = MovingAverage(whole, 0.9)
    for step in range(3):
        move(whole, step)
        first.update()
    second = MovingAverage(resumed, 0.9)
    second.load_state_dict({name: t.clone() for name, t in first.state_dict().items()})
    resumed.load_state_dict(whole.state_dict())
    for net, average in ((whole, first), (resumed, second)):
        for step in range(3, 6):
            move(net, step)
            average.update()
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])


def test_the_state_of_another_network_is_refused() -> None:
    average = MovingAverage(network(), 0.9)
    other = MovingAverage(nn.Sequential(nn.Conv2d(3, 4, 1)), 0.9).state_dict()
    with pytest.raises(WeightsError, match=r"another network .*average\.1\."):
        average.load_state_dict(other)
    wider = {name: t.expand(2, *t.shape) for name, t in average.state_dict().items()}
    with pytest.raises(WeightsError, match="another network"):
        average.load_state_dict(wider)
