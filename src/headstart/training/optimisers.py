"""Optimisers by name, and the parameter groups that they work on.

PyTorch's implementations with PyTorch's defaults. Where Keras' differ, for whoever
brings settings from there:

- RMSprop: Keras has rho .9 and epsilon 1e-7 *under* the root, PyTorch rho .99 and 1e-8
  *outside*; epsilon 3e-4 here comes nearest. Its momentum runs over steps that already
  carry the rate, as SGD's does, so the two part for a while after the rate changes.
- Adam, AdamW, Nadam, Adamax: epsilon 1e-7 against 1e-8.
- Adagrad: sums start at .1 (``initial_accumulator``) and epsilon is 1e-7, against 0 and 1e-10.
- An L2 penalty of c in Keras is a ``weight_decay`` of 2 c.

On the processor steps are PyTorch's fused ones where it has them: one pass over the
weights in place of a dozen. These silently go wrong where a gradient or a moment is laid
out in memory otherwise than its weight (seen with 2.14.1), so both are laid out alike
before each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from headstart.config.training import OptimiserConfig
from headstart.errors import ConfigError, listed

Group = dict[str, Any]

_BETAS = {"betas": "betas", "epsilon": "eps"}
_CLASSES: dict[str, tuple[type[torch.optim.Optimizer], dict[str, str]]] = {
    "sgd": (torch.optim.SGD, {"momentum": "momentum", "nesterov": "nesterov"}),
    "rmsprop": (
        torch.optim.RMSprop,
        {"momentum": "momentum", "rho": "alpha", "epsilon": "eps", "centered": "centered"},
    ),
    "adam": (torch.optim.Adam, {**_BETAS, "amsgrad": "amsgrad"}),
    "adamw": (torch.optim.AdamW, {**_BETAS, "amsgrad": "amsgrad"}),
    "nadam": (torch.optim.NAdam, _BETAS),
    "adagrad": (
        torch.optim.Adagrad,
        {"epsilon": "eps", "initial_accumulator": "initial_accumulator_value"},
    ),
    "adamax": (torch.optim.Adamax, _BETAS),
}
_FUSED = ("sgd", "adam", "adamw", "adagrad")
_OPTIONS = tuple(dict.fromkeys(name for _, names in _CLASSES.values() for name in names))


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]],
    depth_of: Mapping[str, int],
    head_prefix: str,
    config: OptimiserConfig,
) -> list[Group]:
    """Sort trained parameters into groups of one learning rate and one weight decay.

    The rate is ``learning_rate * layer_decay ** depth``; the head's is
    ``learning_rate * head_factor``, and its decay may be another. Biases and norms (one
    dimension) never decay.

    Args:
        named_parameters: As a module gives them; those that need no gradient are left out.
        depth_of: Stages from the top for each name, 0 for the last; the head needs none.
        head_prefix: Name of the head's module, such as ``"head"``; empty if there is none.
        config: The optimiser's settings.

    Returns:
        Groups with ``params``, ``lr`` and ``weight_decay``, in the order of their
        first parameter.
    """
    head = head_prefix.rstrip(".")
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if not parameter.requires_grad:
            continue
        in_head = bool(head) and (name == head or name.startswith(head + "."))
        factor = config.head_factor if in_head else config.layer_decay ** depth_of[name]
        own = config.head_weight_decay if in_head else None
        penalty = config.weight_decay if own is None else own
        decay = penalty if parameter.ndim > 1 else 0.0
        groups.setdefault((config.learning_rate * factor, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def build_optimiser(groups: list[Group], config: OptimiserConfig) -> torch.optim.Optimizer:
    """Build the optimiser for parameter groups.

    Each group keeps its rate as ``initial_lr`` too, for :func:`set_rates`.

    Args:
        groups: As :func:`parameter_groups` gives them; ``lr`` and ``weight_decay``
            default to the settings.
        config: The optimiser's settings.

    Raises:
        ConfigError: See :func:`check_optimiser`.
    """
    check_optimiser(config)
    build, names = _CLASSES[config.name]
    options = {names[name]: value for name, value in _given(config).items()}
    if _has_fused(groups, config):
        options["fused"] = True
    optimiser = build(
        [dict(group) for group in groups],
        lr=config.learning_rate,  # type: ignore[call-arg]
        weight_decay=config.weight_decay,
        **options,
    )
    optimiser.register_step_pre_hook(_lay_out)
    for group in optimiser.param_groups:
        group["initial_lr"] = group["lr"]
    return optimiser


def _has_fused(groups: list[Group], config: OptimiserConfig) -> bool:
    """On a processor it saves passes over the weights; a GPU does well without."""
    weights = [weight for group in groups for weight in group["params"]]
    return config.name in _FUSED and all(weight.device.type == "cpu" for weight in weights)


def _lay_out(optimiser: torch.optim.Optimizer, *_: object) -> None:
    """Lay gradients and moments out in memory as their weights are."""
    for group in optimiser.param_groups:
        for weight in group["params"]:
            if weight.grad is not None:
                weight.grad = _laid_like(weight.grad, weight)
            state = optimiser.state.get(weight, {})
            state.update({name: _laid_like(value, weight) for name, value in state.items()})


def _laid_like(value: Any, weight: torch.Tensor) -> Any:
    if not isinstance(value, torch.Tensor) or value.shape != weight.shape:
        return value
    places = zip(value.shape, value.stride(), weight.stride(), strict=True)
    if all(mine == other for size, mine, other in places if size > 1):
        return value
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)


def check_optimiser(config: OptimiserConfig) -> None:
    """Refuse settings that the optimiser does not take, before any work is done.

    Raises:
        ConfigError: Names the optimiser, the setting, and what would do.
    """
    _, names = _CLASSES[config.name]
    given = _given(config)
    for name in given:
        if name not in names:
            takers = [other for other, (_, takes) in _CLASSES.items() if name in takes]
            raise ConfigError(
                f"optimiser.{name} is set, but {config.name} takes no {name}: "
                f"leave it out, or use {listed(takers)}"
            )
    if config.nesterov and not config.momentum:
        raise ConfigError(
            "optimiser.nesterov is set, but sgd has no momentum: set optimiser.momentum, such as .9"
        )


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to a multiple of its initial one."""
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * factor


def _given(config: OptimiserConfig) -> dict[str, Any]:
    values = {name: getattr(config, name) for name in _OPTIONS}
    return {name: value for name, value in values.items() if value is not None}
