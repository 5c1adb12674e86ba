import pytest
import torch
import torch.nn.functional as nn

from headstart.backbones.stretching import adaptive_average, stretch_small_inputs


@pytest.mark.parametrize("height", range(1, 10))
@pytest.mark.parametrize("width", [1, 4, 7])
def test_it_is_pytorchs_adaptive_average(height: int, width: int) -> None:
    maps = torch.rand(2, 3, height, width)
    torch.testing.assert_close(adaptive_average(maps, 7), nn.adaptive_avg_pool2d(maps, 7))


def test_only_small_inputs_are_stretched() -> None:
    module = torch.nn.Identity()
    stretch_small_inputs(module, 7)
    assert module(torch.rand(1, 2, 3, 3)).shape == (1, 2, 7, 7)
    assert module(torch.rand(1, 2, 9, 9)).shape == (1, 2, 9, 9)
