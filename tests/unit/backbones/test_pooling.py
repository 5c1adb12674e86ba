import torch

from headstart.backbones.pooling import POOLINGS, channels_first, pool


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
