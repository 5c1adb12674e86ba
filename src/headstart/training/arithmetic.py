"""In which arithmetic a network is trained. Which one: see ``arithmetic_choice``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import torch
from torch import nn

from headstart.errors import ConfigError
from headstart.kernels.library import load_kernels
from headstart.training.compilation import compile_regions
from headstart.training.fast_convs import accelerate, restore

Name = Literal[
    "f32",
    "tf32",
    "bf16",
    "bf16-fast",
    "f16",
    "f32-compiled",
    "tf32-compiled",
    "bf16-compiled",
    "f16-compiled",
]
COMPILED: Final = "-compiled"
_TYPES: Final = {"bf16": torch.bfloat16, "f16": torch.float16}


def _say_nothing(message: str) -> None:
    del message


@dataclass(frozen=True)
class Arithmetic:
    """How a step is computed.

    Attributes:
        name: ``f32``; ``tf32``: float32 on tensor cores, with the digits of float16;
            ``bf16`` or ``f16`` by autocast, the latter with scaled gradients;
            ``bf16-fast``: convolutions on our own CPU kernels as well; ``…-compiled``:
            the network compiled by PyTorch.
        images_per_s: Measured while choosing; ``None`` where nothing was measured.
        backend: What compiles.
        say: Who is told if the network cannot be compiled after all.
    """

    name: Name
    images_per_s: float | None = None
    backend: str = "inductor"
    say: Callable[[str], None] = field(default=_say_nothing, compare=False, repr=False)

    @property
    def base(self) -> str:
        """The name without what is done to make it faster."""
        return self.name.split("-")[0]

    @property
    def compiled(self) -> bool:
        """Whether PyTorch compiles the network."""
        return self.name.endswith(COMPILED)

    @property
    def dtype(self) -> torch.dtype | None:
        """Type of the fast operations; ``None``: no autocast."""
        return _TYPES.get(self.base)

    @contextmanager
    def applied(self, device: torch.device) -> Iterator[None]:
        """Compute what is inside, a forward pass, in this arithmetic."""
        enabled = self.dtype is not None
        with (
            self.tensor_cores(device),
            torch.autocast(device.type, dtype=self.dtype or torch.bfloat16, enabled=enabled),
        ):
            yield

    @contextmanager
    def tensor_cores(self, device: torch.device) -> Iterator[None]:
        """Let float32 use tensor cores inside, if this is ``tf32``; the backward pass too."""
        if device.type != "cuda" or self.base not in ("f32", "tf32"):
            yield
            return
        places: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
        kept = [place.allow_tf32 for place in places]
        try:
            for place in places:
                place.allow_tf32 = self.base == "tf32"
            yield
        finally:
            for place, before in zip(places, kept, strict=True):
                place.allow_tf32 = before

    def build_scaler(self, device: torch.device) -> torch.amp.GradScaler:
        """Return what keeps small gradients of float16 above zero; elsewhere it does nothing."""
        return torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)

    def prepare(
        self,
        network: nn.Module,
        example: torch.Tensor,
        *,
        taps: Sequence[str] = (),
        batch_size: int | None = None,
    ) -> None:
        """Reroute a network's modules, where this arithmetic does; undo it elsewhere.

        Args:
            network: In the mode it will be trained in.
            example: What it takes, float32 (N, 3, H, W).
            taps: Modules whose outputs are looked at.
            batch_size: Images of a whole training batch; those of the example where not given.

        Raises:
            ConfigError: It is ``bf16-fast``, and its kernels cannot be had here.
        """
        restore(network)
        if self.name == "bf16-fast":
            self._reroute(network, example)
        if self.compiled:
            compile_regions(
                network,
                taps,
                batch_size=batch_size or len(example),
                backend=self.backend,
                say=self.say,
            )

    def _reroute(self, network: nn.Module, example: torch.Tensor) -> None:
        kernels = load_kernels()
        if kernels is None:
            raise ConfigError(
                "arithmetic 'bf16-fast' needs a C compiler and a processor with bf16, "
                "which are not here: choose auto, bf16 or f32"
            )
        accelerate(network, example, kernels)
