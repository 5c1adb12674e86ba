"""What the 1,000 outputs of an ImageNet classifier mean.

timm ships the names in two small files. They are read as files: importing timm, and
PyTorch with it, would cost seconds for a list of words.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

IMAGENET_1K: Final = "imagenet-1k"
_SYNSETS, _LEMMAS = "imagenet_synsets.txt", "imagenet_synset_to_lemma.txt"
_TOLD_APART: Final[Mapping[str, str]] = {
    "n02012849": "crane (bird)",
    "n03126707": "crane (machine)",
    "n03710637": "maillot",
    "n03710721": "maillot (tank suit)",
}
"""Short names of the categories whose first word alone would not tell them apart."""


@dataclass(frozen=True, slots=True)
class Category:
    """One output of an ImageNet classifier.

    Attributes:
        synset: WordNet's identifier, as in ImageNet's file names: ``"n01440764"``.
        words: Every name it has, the usual one first: ``("tench", "Tinca tinca")``.
    """

    synset: str
    words: tuple[str, ...]

    @property
    def label(self) -> str:
        """One short name that no other category has."""
        return _TOLD_APART.get(self.synset, self.words[0])


@cache
def imagenet_categories() -> tuple[Category, ...]:
    """Return the 1,000 categories in the order of a classifier's outputs.

    >>> imagenet_categories()[0]
    Category(synset='n01440764', words=('tench', 'Tinca tinca'))
    """
    synsets = (_folder() / _SYNSETS).read_text(encoding="utf-8").split()
    lemmas = (_folder() / _LEMMAS).read_text(encoding="utf-8").splitlines()
    words = dict(line.split("\t", 1) for line in lemmas)
    return tuple(Category(synset, _words(words[synset])) for synset in synsets)


def imagenet_labels() -> tuple[str, ...]:
    """Return one short name for each output of an ImageNet classifier, all different.

    >>> imagenet_labels()[959]
    'carbonara'
    """
    return tuple(category.label for category in imagenet_categories())


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def _folder() -> Path:
    found = importlib.util.find_spec("timm")  # finds it without importing it
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'timm'", name="timm")
    return Path(found.submodule_search_locations[0]) / "data" / "_info"
