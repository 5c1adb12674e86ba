import numpy as np
import pytest
import torch
from torch import nn

from headstart.engines.torch_engine import TorchEngine, best_device


class Toy(nn.Module):
    """Two blocks: the mean and the largest of each channel, after a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 6, 1)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen = self.layer(pixels.permute(0, 3, 1, 2).float() / 255)
        return seen.mean((2, 3)), seen.amax((2, 3))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


def test_blocks_stand_side_by_side(pixels: np.ndarray) -> None:
    toy = Toy()
    (joined,) = TorchEngine(toy, device="cpu").stream([pixels])
    expected = torch.cat(toy(torch.from_numpy(pixels)), dim=1).detach().numpy()
    np.testing.assert_allclose(joined, expected, rtol=1e-5, atol=1e-6)


def test_bf16_is_near_f32_and_comes_back_as_float32(pixels: np.ndarray) -> None:
    toy = Toy()
    exact, rough = (
        next(TorchEngine(toy, device="cpu", precision=p).stream([pixels])) for p in ("f32", "bf16")
    )
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.02


def test_defaults_fit_the_device() -> None:
    engine = TorchEngine(Toy(), device="cpu")
    assert (engine.precision, engine.batch_size) == ("f32", 32)
    assert best_device() in {"cuda", "mps", "cpu"}


def test_a_module_in_training_mode_is_run_for_inference(pixels: np.ndarray) -> None:
    module = nn.Sequential(Toy()).train()
    TorchEngine(module, device="cpu")
    assert not module.training


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_computes_in_bf16_by_default(pixels: np.ndarray) -> None:
    toy = Toy()
    exact = next(TorchEngine(toy, device="cpu").stream([pixels]))
    engine = TorchEngine(toy, device="cuda")
    assert engine.precision == "bf16"
    np.testing.assert_allclose(next(engine.stream([pixels])), exact, atol=0.02)
