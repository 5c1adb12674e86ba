"""A network as a numbered list of layers, in the order in which an image passes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

_NO_LAYERS = (nn.Identity, nn.Sequential, nn.ModuleList)
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        number: Place in the forward pass, counted from 0 as in Keras' ``model.layers``.
        name: Of its module, as in the state dict: ``"blocks.5.0.conv_pw"``.
        kind: Class of its module: ``"Conv2d"``.
        shape: Of its output for one image, without the batch axis: (C, H, W) as a rule.
        weights: Names of the weights that belong to it, and how many numbers each has.
    """

    number: int
    name: str
    kind: str
    shape: Shape
    weights: Mapping[str, int] = field(hash=False)

    @property
    def parameters(self) -> int:
        """How many numbers its weights have together."""
        return sum(self.weights.values())


def list_layers(network: nn.Module, *, size_px: int, pooled: bool = False) -> tuple[Layer, ...]:
    """Return the layers of a backbone, its own classifier not among them.

    A layer is a module without parts of its own (convolution, activation, pooling,
    dropout ...) or one that holds weights itself (a batch norm with its activation). One
    that does nothing (``Identity``) is none, and one that is called twice counts at its
    first call. Found by passing one black image through, in inference mode and without
    changing the network; on the meta device that computes nothing.

    Weights that no layer holds, such as a position embedding, belong to the first layer
    beneath the module that holds them. Weights that the pass does not reach, such as the
    network's own classifier, belong to none.

    Args:
        network: With ``forward_features``, or else called as it is.
        size_px: Side of the square it is given.
        pooled: Whether what its own classifier sees is wanted of it: then the layers between
            its last activation and its classifier are passed too.

    >>> pair = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    >>> [(layer.number, layer.kind, layer.shape) for layer in list_layers(pair, size_px=32)]
    [(0, 'Conv2d', (8, 30, 30)), (1, 'BatchNorm2d', (8, 30, 30))]
    """
    first = next(network.parameters())
    black = torch.zeros(1, 3, size_px, size_px, dtype=first.dtype, device=first.device)
    forward = getattr(network, "forward_features", network)
    if not pooled:
        return list_called(network, lambda: forward(black))
    head: Callable[..., object] = network.forward_head  # type: ignore[assignment]
    return list_called(network, lambda: head(forward(black), pre_logits=True))


def list_called(module: nn.Module, forward: Callable[[], object]) -> tuple[Layer, ...]:
    """Return the layers of a module that a call reaches. See :func:`list_layers`.

    Args:
        module: Whose parts are listed.
        forward: Calls it, or some of its parts.
    """
    shapes = _run(module, forward)
    modules = dict(module.named_modules())
    names = [name for name in shapes if _is_layer(modules[name])]
    owned = _owned(module, list(shapes), names)
    return tuple(
        Layer(
            number=number,
            name=name,
            kind=type(modules[name]).__name__,
            shape=shapes[name],
            weights=owned[name],
        )
        for number, name in enumerate(names)
    )


def _is_layer(module: nn.Module) -> bool:
    if isinstance(module, _NO_LAYERS):
        return False
    leaf = next(module.children(), None) is None
    return leaf or next(module.parameters(recurse=False), None) is not None


def _run(network: nn.Module, forward: Callable[[], object]) -> dict[str, Shape]:
    """Return every module that a pass calls, in order, with the shape of its first output."""
    shapes: dict[str, Shape] = {}
    parts = [(name, module) for name, module in network.named_modules() if name]
    hooks = [module.register_forward_pre_hook(partial(_enter, shapes, n)) for n, module in parts]
    hooks += [module.register_forward_hook(partial(_leave, shapes, n)) for n, module in parts]
    try:
        with _at_rest(network), torch.no_grad():
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def _enter(shapes: dict[str, Shape], name: str, module: nn.Module, inputs: object) -> None:
    del module, inputs
    shapes.setdefault(name, ())


def _leave(
    shapes: dict[str, Shape], name: str, module: nn.Module, inputs: object, output: object
) -> None:
    del module, inputs
    first = output[0] if isinstance(output, tuple | list) and output else output
    if not shapes[name] and isinstance(first, torch.Tensor):
        shapes[name] = tuple(first.shape[1:])


@contextmanager
def _at_rest(network: nn.Module) -> Iterator[None]:
    """Keep the network in inference mode, then give every part its own mode back."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _owned(
    module: nn.Module, called: Sequence[str], layers: Sequence[str]
) -> Mapping[str, dict[str, int]]:
    owned: dict[str, dict[str, int]] = {name: {} for name in layers}
    for name, parameter in module.named_parameters():
        owner = _owner(name.rpartition(".")[0], called, layers)
        if owner is not None:
            owned[owner][name] = parameter.numel()
    return owned


def _owner(holder: str, called: Sequence[str], layers: Sequence[str]) -> str | None:
    """Return the layer that the weights of a module belong to."""
    if holder in layers:
        return holder
    reached = [name for name in called if _is_within(holder, name)]
    if reached:  # held by a part that is used without being called: by the deepest that is
        begun = called.index(max(reached, key=len))
        return next((name for name in called[begun:] if name in layers), layers[-1])
    return next((name for name in layers if _is_within(name, holder)), None)


def _is_within(name: str, module: str) -> bool:
    return not module or name == module or name.startswith(f"{module}.")
