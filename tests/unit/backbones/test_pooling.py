import pytest
import torch

from headstart.backbones.pooling import POOLINGS, channels_first, pool, pool_all


def test_every_layout_gives_the_same_statistics() -> None:
    maps = torch.rand(2, 5, 3, 4)
    tokens = torch.cat([torch.full((2, 2, 5), 9.0), maps.flatten(2).transpose(1, 2)], dim=1)
    layouts = [
        channels_first(maps, channels_last=False, prefix_tokens=0),
        channels_first(maps.permute(0, 2, 3, 1), channels_last=True, prefix_tokens=0),
        channels_first(tokens, channels_last=False, prefix_tokens=2),
        channels_first(tokens, channels_last=True, prefix_tokens=2),
    ]
    for statistic in POOLINGS:
        expected = pool(statistic, maps)
        for laid in layouts:
            torch.testing.assert_close(pool(statistic, laid), expected)


@pytest.mark.parametrize(
    "wanted", [("mean", "max", "std"), ("max", "mean"), ("std", "flat", "max")]
)
@pytest.mark.parametrize("tokens", [False, True])
def test_together_they_have_the_gradients_they_have_alone(wanted, tokens: bool) -> None:
    torch.manual_seed(0)
    maps = torch.randint(0, 6, (3, 4, 3, 5)).double()  # with ties for the maximum
    maps[0, 0] = 2.0  # no deviation
    laid = maps.flatten(2) if tokens else maps.contiguous(memory_format=torch.channels_last)
    found = []
    for pooled in (pool_all(wanted, laid.requires_grad_()), {n: pool(n, laid) for n in wanted}):
        assert list(pooled) == list(wanted)
        answer = torch.cat([pooled[name] for name in wanted], dim=1)
        weight = torch.linspace(-1, 1, answer.shape[1], dtype=answer.dtype)
        (gradient,) = torch.autograd.grad((answer * weight).sum(), laid)
        found.append((answer, gradient))
    torch.testing.assert_close(found[0], found[1])
