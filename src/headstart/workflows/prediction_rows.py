"""A prediction as a row of a table: which columns, what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from headstart.serving.predictor import Prediction

Cell: TypeAlias = "str | float | None"
"""A text, a probability, or nothing."""

_FACTS: Final = ("path", "label", "confidence", "status", "error")
STATUS: Final = _FACTS.index("status")
_FORMULA_SIGNS: Final = tuple("=+-@\t\r")


@dataclass(frozen=True)
class Columns:
    """What a table of predictions says of each image.

    Attributes:
        classes: Names, K of them, in the order of the probabilities.
        top_k: Classes named for each image, the most probable first.
        probabilities: Whether there is a column ``prob_<class>`` for every class.
    """

    classes: tuple[str, ...]
    top_k: int = 1
    probabilities: bool = False

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return list(self.types)

    @property
    def types(self) -> dict[str, type]:
        """The columns, in order, each with its type: ``str`` or ``float``."""
        facts: dict[str, type] = dict.fromkeys(_FACTS, str) | {"confidence": float}
        for rank in range(2, self.top_k + 1):
            facts |= {f"label_{rank}": str, f"confidence_{rank}": float}
        each = self.classes if self.probabilities else ()
        return facts | {f"prob_{name}": float for name in each}

    def cells(self, prediction: Prediction) -> list[Cell]:
        """Return a prediction's row; what is not known of a bad file is ``None``."""
        path = legible(prediction.path)
        if prediction.status == "error":
            known: list[Cell] = [path, None, None, "error", prediction.error]
            return known + [None] * (len(self.types) - len(known))
        row: list[Cell] = [path, prediction.label, prediction.confidence, prediction.status, None]
        row.extend(self._runners_up(prediction))
        return row + prediction.probabilities.tolist() if self.probabilities else row

    def _runners_up(self, prediction: Prediction) -> Iterator[Cell]:
        if self.top_k == 1:
            return
        order = (-prediction.probabilities).argsort(kind="stable").tolist()
        others = [index for index in order if self.classes[index] != prediction.label]
        for index in others[: self.top_k - 1]:
            yield self.classes[index]
            yield float(prediction.probabilities[index])


def texts(cells: list[Cell]) -> list[str]:
    """Return a row's cells as text: six decimals, nothing as nothing.

    >>> texts(["a.jpg", 0.25, None])
    ['a.jpg', '0.250000', '']
    """
    return [
        "" if cell is None else f"{cell:.6f}" if isinstance(cell, float) else cell for cell in cells
    ]


def legible(path: str) -> str:
    r"""Return a path as valid text: a byte that is no UTF-8 is written as ``\udcNN``.

    >>> legible("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode()


def no_formula(path: str) -> str:
    """Return a path that no spreadsheet takes for a formula, and that names the same file.

    >>> no_formula("=1+1.jpg"), no_formula("new/=1+1.jpg")
    ('./=1+1.jpg', 'new/=1+1.jpg')
    """
    return f"./{path}" if path.startswith(_FORMULA_SIGNS) else path
