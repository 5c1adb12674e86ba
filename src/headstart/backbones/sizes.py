"""Which sides of the input square a backbone takes."""

from __future__ import annotations

from headstart.backbones.spec import BackboneSpec
from headstart.errors import ConfigError


def check_size(spec: BackboneSpec, size_px: int) -> None:
    """Refuse a side that the backbone cannot take.

    Raises:
        ConfigError: It cannot; the message names the nearest sides that it can.
    """
    if size_px in nearest_sizes(spec, size_px):
        return
    nearest = " or ".join(str(size) for size in nearest_sizes(spec, size_px))
    raise ConfigError(
        f"{spec.name} takes {_rule(spec)}, not {size_px} px: set data.image_size_px to {nearest}"
    )


def nearest_sizes(spec: BackboneSpec, size_px: int) -> tuple[int, ...]:
    """Return the possible sides next to one, ascending; the side itself where it is one."""
    if spec.fixed_size:
        return (spec.size_px,)
    step = spec.multiple_px
    least = -(-spec.least_px // step) * step
    below = size_px // step * step
    around = {max(below, least), max(-(-size_px // step) * step, least)}
    return tuple(sorted(around))


def _rule(spec: BackboneSpec) -> str:
    if spec.fixed_size:
        return "squares of one side only"
    multiple = f"squares whose side is a multiple of {spec.multiple_px} px"
    least = f"at least {spec.least_px} px"
    return f"{multiple}, {least}" if spec.multiple_px > 1 else f"squares of {least}"
