"""Are these ImageNet's own photos? Then a score on them measures memory in part.

A network does better on the photos it was trained on than on others of the same
things: EfficientNet-Lite0 names 90 % of 200 ImageNet training photos, 75 % of
ImageNet's validation photos, and on newly collected ones networks lose another 11 to
14 points (Recht et al., 2019, arXiv:1902.10811).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Final, Literal

from headstart.backbones.imagenet import imagenet_categories
from headstart.evaluation import Estimate, wilson
from headstart.heads.folds import Indices

NAMED_SHARE: Final = 0.5
"""Share of images that must carry ImageNet's names for them to be its own, presumably."""
_SYNSET = re.compile(r"n\d{8}(?=$|[_.\-])")

Source = Literal["file names", "class names"]


@dataclass(frozen=True)
class OwnNames:
    """How often the network's first answer is what the data itself calls an image.

    Attributes:
        source: What said what the images show.
        named: Images for which it named an ImageNet category.
        images: All images looked at.
        top1: Share of the named images whose first answer is that category.
        matched: Name in the data -> the network's labels that mean the same, sorted.
        synsets: Whether the names are WordNet identifiers, as only ImageNet uses them.
    """

    source: Source
    named: int
    images: int
    top1: Estimate
    matched: Mapping[str, tuple[str, ...]]
    synsets: bool


def compare_names(
    first: Indices, paths: Sequence[str], labels: Sequence[str | None]
) -> OwnNames | None:
    """Hold the network's first answers against what files or classes are called.

    File names that begin with a WordNet identifier (``n01440764_18.JPEG``) count first,
    then class names that are such an identifier or a name of a category, in the
    singular or plural, then file names that are such a name.

    Args:
        first: First answer for each image, as a position among ImageNet's categories, (N,).
        paths: Name of each image.
        labels: Class of each image, or ``None``.

    Returns:
        ``None`` where nothing is called like an ImageNet category.
    """
    stems = [PurePosixPath(path).stem for path in paths]
    for source, names in (
        ("file names", [stem if _SYNSET.match(stem) else None for stem in stems]),
        ("class names", labels),
        ("file names", stems if not any(labels) else [None] * len(stems)),
    ):
        found = _compare(source, first, names)  # type: ignore[arg-type]
        if found is not None:
            return found
    return None


def memory_warning(names: OwnNames | None, *, published_top1: float) -> str:
    """Return why a score here may measure memory in part, or nothing.

    Args:
        names: What :func:`compare_names` found.
        published_top1: The backbone's accuracy on ImageNet's validation photos, in
            percent; 0 where unknown.
    """
    if names is None or names.named < NAMED_SHARE * names.images:
        return ""
    found = f"the network's first answer is that name for {names.top1.value:.1%} of them"
    mend = (
        "if they are ImageNet's own photos, which the network was trained on, "
        "every score here measures memory in part: judge on photos of your own"
    )
    if names.synsets:
        return f"the {names.source} are ImageNet's identifiers and {found}: {mend}"
    if published_top1 and names.top1.value >= published_top1 / 100:
        return (
            f"most images have the name of an ImageNet category and {found}, as often as on "
            f"ImageNet itself (published: {published_top1:g} %): {mend}"
        )
    return ""


def own_categories(name: str) -> frozenset[int]:
    """Return the ImageNet categories that a class or file name means, as positions.

    >>> from headstart.backbones.imagenet import imagenet_labels
    >>> [imagenet_labels()[i] for name in ("bees", "n01440764_tench") for i in own_categories(name)]
    ['bee', 'tench']
    """
    synset = _SYNSET.match(name)
    if synset:
        return _index().get(synset.group(), frozenset())
    for form in _forms(name):
        if form in _index():
            return _index()[form]
    return frozenset()


def _compare(source: Source, first: Indices, names: Sequence[str | None]) -> OwnNames | None:
    own = {name: own_categories(name) for name in {*names} - {None} if name}
    known = [row for row, name in enumerate(names) if name and own[name]]
    if not known:
        return None
    right = sum(int(first[row]) in own[names[row] or ""] for row in known)
    labels = imagenet_categories()
    return OwnNames(
        source=source,
        named=len(known),
        images=len(names),
        top1=wilson(right, len(known)),
        matched={
            name: tuple(sorted(labels[index].label for index in own[name]))
            for name in sorted(own)
            if own[name]
        },
        synsets=all(_SYNSET.match(names[row] or "") for row in known),
    )


def _forms(name: str) -> Iterable[str]:
    """Yield how a name may be spelt among the categories: as it is, then in the singular.

    >>> list(_forms("Traffic_Lights-07"))
    ['traffic lights', 'traffic light']
    """
    plain = re.sub(r" \d+$", "", _plain(name))
    yield plain
    for plural, singular in (("ies", "y"), ("es", ""), ("s", "")):
        if plain.endswith(plural) and len(plain) > len(plural) + 2:
            yield plain.removesuffix(plural) + singular


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", name.strip().lower()))


@cache
def _index() -> Mapping[str, frozenset[int]]:
    index: dict[str, set[int]] = {}
    for position, category in enumerate(imagenet_categories()):
        for name in (category.synset, *category.words):
            index.setdefault(_plain(name), set()).add(position)
    return {name: frozenset(found) for name, found in index.items()}
