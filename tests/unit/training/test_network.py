"""Heads as trainable layers: the same answers, there and back."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from headstart.training.network import StandardisedLayers


def layers(widths: list[int], seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    draws = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(a, b, generator=draws), torch.randn(b, generator=draws))
        for a, b in itertools.pairwise(widths)
    ]


@given(st.lists(st.integers(1, 6), min_size=2, max_size=4), st.integers(0, 99))
def test_a_head_answers_the_same_on_raw_features(widths: list[int], seed: int) -> None:
    raw = layers(widths, seed)
    draws = torch.Generator().manual_seed(seed)
    features = 100 * torch.randn(5, widths[0], generator=draws) + 30
    module = StandardisedLayers(
        raw,
        mean=features.mean(0),
        scale=1 / (1 + features.abs().amax(0)),
        activation=nn.ReLU(),
    ).eval()
    expected = features
    for index, (weight, bias) in enumerate(raw):
        expected = (expected.relu() if index else expected) @ weight + bias
    scale = 1 + float(expected.abs().max())
    torch.testing.assert_close(module(features).detach(), expected, rtol=0, atol=1e-4 * scale)
    for (mine, my_bias), (weight, bias) in zip(module.raw_layers(), raw, strict=True):
        torch.testing.assert_close(mine, weight, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(my_bias, bias, rtol=1e-3, atol=2e-2)
