"""The one hierarchy of errors that a user can cause or mend.

Every message says what was found, what was expected and what to do about it.
The command line prints it in one paragraph and exits with 2; nothing here ever
shows a traceback unless ``--debug`` asks for it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HeadstartError(Exception):
    """Base of every error that names a mistake and its mend."""


class ConfigError(HeadstartError):
    """A setting that is unknown, of the wrong type or out of range."""


class DataError(HeadstartError):
    """Images, labels or splits that cannot be worked with as they are."""


class UnlabelledError(DataError):
    """Images without at least two labels to tell apart, where labels are needed."""


class BadImageError(DataError):
    """One file that cannot be decoded into pixels. Carries only the reason, not the path."""


class WeightsError(HeadstartError):
    """Pretrained weights that are missing, damaged or of another network."""


class BundleError(HeadstartError):
    """A model bundle that is incomplete, changed or of an unknown version."""


class TrainingError(HeadstartError):
    """Training that broke down, such as a loss that is no number any more."""


class StorageError(HeadstartError):
    """A disk that is full, or a folder that cannot be written."""


class TrackingError(HeadstartError):
    """A place for runs that cannot be reached, or refuses. The run itself is whole."""


class MissingDependencyError(HeadstartError):
    """A command that needs an extra which is not installed."""


class UnknownNameError(HeadstartError):
    """A name that no registry entry has.

    Args:
        kind: What was looked up, in the singular: ``"backbone"``.
        name: The name as the user gave it.
        known: Every name that would have worked.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.close = close_names(name, known)
        hint = f"did you mean {' or '.join(self.close)}?" if self.close else ""
        options = hint or "known: " + ", ".join(sorted(known))
        super().__init__(f"unknown {kind} {name!r}: {options}")


_TRAINING_PACKAGES = {
    "huggingface_hub",
    "jinja2",
    "lmdb",
    "matplotlib",
    "onnx",
    "optuna",
    "pytorchcv",
    "safetensors",
    "sklearn",
    "timm",
    "torch",
    "torchvision",
}


def missing_extra(error: ModuleNotFoundError, *, what: str) -> MissingDependencyError | None:
    """Return what to tell a user who has only the runtime floor, if that is the cause.

    Args:
        error: A failed import.
        what: What the user wanted: ``"headstart train"``.
    """
    package = (error.name or "").split(".")[0]
    if package not in _TRAINING_PACKAGES:
        return None
    return MissingDependencyError(
        f"{what} needs the training libraries ({package} is not installed): "
        "pip install 'headstart[train]'"
    )


def close_names(name: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """Return the known names nearest to a misspelt one, best first.

    >>> close_names("eficientnet_lite0", ["efficientnet_lite0", "vgg16"])
    ['efficientnet_lite0']
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=limit, cutoff=0.6)
    return [by_lower[match] for match in matches]


def listed(items: Iterable[object], *, limit: int = 10) -> str:
    """Join items for a message, cutting a long list with a count of the rest.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    texts = [str(item) for item in items]
    if len(texts) <= limit:
        return ", ".join(texts)
    return ", ".join(texts[:limit]) + f" and {len(texts) - limit} more"
