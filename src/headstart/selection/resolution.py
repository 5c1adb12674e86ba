"""Does the chosen size suit the network and the images? Rules that give their reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from headstart.config.schema import GeometryChoice
from headstart.errors import listed

Severity = Literal["note", "warning"]
Flags = npt.NDArray[np.bool_]

NEAR: Final = 0.15
"""Share by which a size may miss the native one without a word: 320 pixels for a network of
299 served the waste photos well."""
FAR_BELOW: Final = 0.75
"""Share of the native size below which objects are smaller than the network ever saw them."""
FAR_ABOVE: Final = 1.5
"""Multiple of the native size from which cost, its square, more than doubles, and objects are
larger than the network saw them (Touvron et al., 2019, arXiv:1906.06423)."""
SOME, MOST = 0.05, 0.5
"""Shares of the images from which a rule speaks, and from which it warns."""
UPSCALED: Final = 1.15
"""Enlargement from which a warning is due: images of 500 pixels for a network of 600."""
OVERSIZED: Final = 4.0
"""Multiple of the needed size from which reading costs more than the network."""
KEPT_AREA: Final = 0.4
"""Share of an image's area that a crop should keep; at 16:9 the usual one still keeps .43."""
BENT: Final = 2.0
"""Ratio of the sides from which squashing bends shapes beyond what random crops in training
show a network (3:4 to 4:3)."""
EMPTY: Final = 0.5
"""Share of the square that padding may leave blank."""
_NAMED, _LISTED = 3, 100
_SMALLER = (
    " and costs as much as real pixels. Compare a smaller --image-size, "
    "or a network made for small squares"
)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A network, a size and a geometry, and the images they are to be used on.

    Attributes:
        backbone: The network's name.
        native_px: Side of the square it was trained on.
        size_px: Side of the square it is to be given.
        mode: How images become squares; ``auto`` where a trial will decide.
        crop_fraction: Share of the shorter side that a crop keeps.
        widths: Pixels across of each image, shape (N,).
        heights: Pixels down of each image, shape (N,).
        paths: Name of each image, length N; may be empty.
        lossless: Share of images that cannot be shrunk while they are decoded, that is,
            all but JPEG.
    """

    backbone: str
    native_px: int
    size_px: int
    mode: GeometryChoice
    crop_fraction: float
    widths: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    paths: Sequence[str] = ()
    lossless: float = 0.0

    @property
    def ratio(self) -> float:
        """Chosen size over native size."""
        return self.size_px / self.native_px

    @cached_property
    def aspect(self) -> npt.NDArray[np.float64]:
        """Longer side over shorter side, shape (N,)."""
        return np.maximum(self.widths, self.heights) / np.minimum(self.widths, self.heights)

    @cached_property
    def enlargement(self) -> npt.NDArray[np.float64]:
        """Pixels of the square for each pixel of the image along its tighter side, (N,)."""
        shorter = np.minimum(self.widths, self.heights)
        longer = np.maximum(self.widths, self.heights)
        side = {"crop": shorter * self.crop_fraction, "pad": longer}.get(self.mode, shorter)
        return self.size_px / side

    @cached_property
    def kept_area(self) -> npt.NDArray[np.float64]:
        """Share of each image's area that a crop keeps, shape (N,)."""
        return self.crop_fraction**2 / self.aspect


@dataclass(frozen=True)
class Finding:
    """What a rule has to say.

    Attributes:
        rule: Name of the rule.
        severity: ``warning`` where results suffer, ``note`` where it is worth knowing.
        text: What was found and what to do, one sentence or two.
        images: Names of images it is about, the worst hundred first; empty where it is
            about all.
    """

    rule: str
    severity: Severity
    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class SizeRule:
    """One rule.

    Attributes:
        name: Short name.
        when: The condition in words.
        reason: Why it matters.
        find: Applies it; ``None`` where there is nothing to say.
    """

    name: str
    when: str
    reason: str
    find: Callable[[Setting], Finding | None]


def size_findings(setting: Setting) -> tuple[Finding, ...]:
    """Return what the rules have to say on a setting, warnings first."""
    found = [finding for rule in SIZE_RULES if (finding := rule.find(setting)) is not None]
    return tuple(sorted(found, key=lambda finding: finding.severity == "note"))


def is_sensible(setting: Setting) -> bool:
    """Say whether no rule warns."""
    return all(finding.severity == "note" for finding in size_findings(setting))


def _below_native(setting: Setting) -> Finding | None:
    if setting.ratio >= 1 - NEAR:
        return None
    far = setting.ratio < FAR_BELOW
    return Finding(
        "below native size",
        "warning" if far else "note",
        f"{setting.backbone} was trained on {setting.native_px} px and is given "
        f"{setting.size_px}: objects are {setting.ratio:.0%} of the size it learnt them at. "
        f"Use --image-size {setting.native_px}, or a network made for {setting.size_px} px",
    )


def _above_native(setting: Setting) -> Finding | None:
    if setting.ratio <= 1 + NEAR:
        return None
    far = setting.ratio >= FAR_ABOVE
    return Finding(
        "above native size",
        "warning" if far else "note",
        f"{setting.backbone} was trained on {setting.native_px} px and is given "
        f"{setting.size_px}: {setting.ratio**2:.1f} times the arithmetic, for objects larger "
        "than it learnt them; worth it only where details decide, so compare the two",
    )


def _upscaled(setting: Setting) -> Finding | None:
    too_small = setting.enlargement > 1.0
    share = _share(too_small)
    if share < SOME:
        return None
    factor = float(np.median(setting.enlargement[too_small]))
    severe = share >= MOST and factor >= UPSCALED
    return Finding(
        "upscaled",
        "warning" if severe else "note",
        f"{_counted(too_small)} smaller than the {setting.size_px} px they are "
        f"enlarged to (by {factor:.1f}, median): upscaling invents nothing"
        + (_SMALLER if severe else ""),
        _worst(setting, setting.enlargement, too_small),
    )


def _oversized(setting: Setting) -> Finding | None:
    large = setting.enlargement < 1 / OVERSIZED
    if _share(large) < MOST:
        return None
    factor = float(np.median(1 / setting.enlargement[large]))
    harmless = (
        "JPEGs are shrunk while they are decoded, which costs no accuracy"
        if setting.lossless < MOST
        else "only JPEGs can be shrunk while they are decoded, and most of these are none: "
        f"copies of {2 * setting.size_px} px would be read several times faster"
    )
    return Finding(
        "oversized",
        "note",
        f"{_counted(large)} {factor:.0f} times larger than needed (median): reading "
        f"them takes most of the time. {harmless}",
    )


def _mutilated(setting: Setting) -> Finding | None:
    if setting.mode not in ("crop", "auto"):
        return None
    cut = setting.kept_area < KEPT_AREA
    if not cut.any():
        return None
    kept = float(np.median(setting.kept_area[cut]))
    images = _worst(setting, -setting.kept_area, cut)
    named = f", such as {listed(images[:_NAMED])}" if images else ""
    mend = (
        "use --geometry pad or squash"
        if setting.mode == "crop"
        else "the trial of --geometry auto compares crop with squash; pad is a third choice"
    )
    return Finding(
        "mutilated by a crop",
        "warning" if setting.mode == "crop" and _share(cut) >= SOME else "note",
        f"{_counted(cut)} so long that a central crop keeps {kept:.0%} of them, "
        f"median{named}: {mend}",
        images,
    )


def _bent(setting: Setting) -> Finding | None:
    bent = setting.aspect >= BENT
    if setting.mode != "squash" or _share(bent) < SOME:
        return None
    return Finding(
        "bent by squashing",
        "warning" if _share(bent) >= MOST else "note",
        f"{_counted(bent)} at least {BENT:g} times as long as wide, and squashed into a square: "
        "shapes are bent. Compare --geometry pad",
        _worst(setting, setting.aspect, bent),
    )


def _blank(setting: Setting) -> Finding | None:
    blank = 1 - 1 / setting.aspect > EMPTY
    if setting.mode != "pad" or _share(blank) < SOME:
        return None
    return Finding(
        "mostly border",
        "warning" if _share(blank) >= MOST else "note",
        f"{_counted(blank)} so long that padding leaves over {EMPTY:.0%} of the square "
        "blank. Compare --geometry squash, or a larger --image-size",
        _worst(setting, setting.aspect, blank),
    )


SIZE_RULES: Final[tuple[SizeRule, ...]] = (
    SizeRule(
        "below native size",
        f"the size is more than {NEAR:.0%} below the backbone's own; "
        f"a warning below {FAR_BELOW:.0%} of it",
        "a network knows objects at the size it was trained on",
        _below_native,
    ),
    SizeRule(
        "above native size",
        f"the size is more than {NEAR:.0%} above the backbone's own; "
        f"a warning from {FAR_ABOVE:g} times it",
        "cost grows with the square of the size, and objects outgrow what was learnt",
        _above_native,
    ),
    SizeRule(
        "upscaled",
        f"{SOME:.0%} of the images are smaller than the square; a warning where {MOST:.0%} are, "
        f"by {UPSCALED:g} times or more",
        "upscaling invents nothing, and costs as much as real pixels (CIFAR-10's 32 px enlarged "
        "to 128 instead of 224: a linear head .768 instead of .781, three times as fast)",
        _upscaled,
    ),
    SizeRule(
        "oversized",
        f"{MOST:.0%} of the images are over {OVERSIZED:g} times larger than needed",
        "decoding takes longer than the network; shrinking JPEGs while they are decoded is "
        "harmless (cross-validated on TrashNet: .880 scaled, .876 in full)",
        _oversized,
    ),
    SizeRule(
        "mutilated by a crop",
        f"a central crop keeps less than {KEPT_AREA:.0%} of an image; a warning where it is "
        f"chosen and {SOME:.0%} of the images are such",
        "what is cut off cannot be recognised",
        _mutilated,
    ),
    SizeRule(
        "bent by squashing",
        f"{SOME:.0%} of the images have one side {BENT:g} times the other; a warning from "
        f"{MOST:.0%}",
        "networks are trained on shapes bent by a third at the most",
        _bent,
    ),
    SizeRule(
        "mostly border",
        f"padding leaves over {EMPTY:.0%} of the square blank for {SOME:.0%} of the images; a "
        f"warning from {MOST:.0%}",
        "blank pixels cost as much as others, and the object is small",
        _blank,
    ),
)


def _share(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _counted(flags: Flags) -> str:
    count, total = int(flags.sum()), len(flags)
    return f"all {total:,} images are" if count == total else f"{count:,} of {total:,} images are"


def _worst(setting: Setting, badness: npt.NDArray[np.float64], flags: Flags) -> tuple[str, ...]:
    order = np.argsort(-badness, kind="stable")
    if not setting.paths:
        return ()
    return tuple(setting.paths[row] for row in order[flags[order]][:_LISTED])
