"""How far an exported file's answers are from the bundle's, and when that is too far."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from headstart.errors import BundleError
from headstart.evaluation.comparison import PairedTest, mcnemar

FLOAT_LIMIT: Final = 1e-3
"""Largest difference of a probability accepted of float32: rounding stays a tenth below."""
SHOWN: Final = 0.05
"""Below which p-value a loss of accuracy counts as shown."""

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Differences:
    """What two sets of answers to the same images differ by.

    Attributes:
        images: How many there are.
        top1_disagreements: Images whose most probable class is another.
        largest: Largest absolute difference of a probability.
        mean: Mean one.
    """

    images: int
    top1_disagreements: int
    largest: float
    mean: float

    @classmethod
    def between(cls, one: Probabilities, other: Probabilities) -> Differences:
        """Measure them; both of shape (N, K).

        >>> Differences.between(np.eye(2), np.array([[0.75, 0.25], [0.75, 0.25]])).largest
        0.75
        """
        apart = np.abs(one - other)
        if not apart.size:
            return cls(0, 0, 0.0, 0.0)
        disagreements = int((one.argmax(1) != other.argmax(1)).sum())
        return cls(len(one), disagreements, float(apart.max()), float(apart.mean()))

    @property
    def words(self) -> str:
        """The same as a clause."""
        return (
            f"{self.top1_disagreements} of {self.images:,} top answers differ, "
            f"largest probability difference {self.largest:.2g}"
        )


@dataclass(frozen=True)
class ParityReport:
    """A format held against the bundle it was made from, on real images.

    Attributes:
        format: Its name.
        measured_on: What computed its answers.
        images_from: Which images they are.
        bundle: Against the bundle's graph in float32.
        limit: Largest difference accepted there; ``None`` where accuracy decides.
        trained: Against the answers that training left in ``predictions.csv``, which were
            computed in the run's own arithmetic; ``None`` where there are none.
        accuracy_test: Int8 against float32, in that order; ``None`` for float formats.
        max_loss: Largest loss of accuracy accepted where it is shown.
        speed: Images a second of the source and of int8 on this machine; empty otherwise.
        file_was_run: Whether the file itself answered; otherwise what it was converted from.
        note: What else is to be known.
    """

    format: str
    measured_on: str
    images_from: str
    bundle: Differences
    limit: float | None
    trained: Differences | None
    accuracy_test: PairedTest | None = None
    max_loss: float = 0.0
    speed: tuple[tuple[str, float], ...] = ()
    file_was_run: bool = True
    note: str = ""

    @property
    def loss_is_shown(self) -> bool:
        """Whether the paired test shows int8 to be less often right, by more than accepted."""
        test = self.accuracy_test
        if test is None:
            return False
        return test.p_value < SHOWN and test.difference.value < -self.max_loss

    @property
    def passed(self) -> bool:
        """Whether the format may be used."""
        if self.limit is not None and not self.bundle.largest <= self.limit:
            return False
        return not self.loss_is_shown

    def check(self) -> None:
        """Refuse a format that answers otherwise.

        Raises:
            BundleError: Says by how much, and what to do.
        """
        if self.passed:
            return
        if self.loss_is_shown:
            raise BundleError(
                f"{self._accuracy()}: more than --max-loss {self.max_loss:g} accepts. Nothing "
                "was written; calibrate on more images (--calibration), accept it with a larger "
                "--max-loss, or stay with float"
            )
        raise BundleError(
            f"the {self.format} file does not answer as the bundle does: {self.bundle.words} "
            f"(at most {self.limit:g} is accepted). Nothing was written; please report this "
            "with the name of the network"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values: ``parity.json``."""
        test = self.accuracy_test
        return {
            "schema": 1,
            "format": self.format,
            "measured_on": self.measured_on,
            "file_was_run": self.file_was_run,
            "images_from": self.images_from,
            "against_bundle_f32": asdict(self.bundle),
            "limit": self.limit,
            "against_training": None if self.trained is None else asdict(self.trained),
            "accuracy_test": None if test is None else asdict(test),
            "max_loss": None if test is None else self.max_loss,
            "images_per_second": dict(self.speed),
            "passed": self.passed,
            "note": self.note,
        }

    def lines(self) -> list[str]:
        """Return it in words, a sentence a line: ``parity.md`` and the terminal."""
        said = [f"{self.format} on {self.measured_on}, {self.images_from}: {self.bundle.words}"]
        if self.trained is not None:
            said.append(f"against the answers training left: {self.trained.words}")
        if self.accuracy_test is not None:
            said.append(self._accuracy())
        if self.speed:
            rates = ", ".join(f"{name} {rate:.1f}" for name, rate in self.speed)
            said.append(f"images a second here: {rates}")
        return [*said, *([self.note] if self.note else [])]

    def _accuracy(self) -> str:
        test = self.accuracy_test
        assert test is not None, "only where it was measured"
        shown = "a difference is shown" if test.p_value < SHOWN else "no difference is shown"
        return (
            f"accuracy of int8 less that of float32 {test.difference} ({test.only_first} images "
            f"won, {test.only_second} lost, McNemar's exact p = {test.p_value:.3g}: {shown})"
        )


def accuracy_test(
    quantised: Probabilities,
    reference: Probabilities,
    targets: npt.NDArray[np.int64],
    *,
    confidence: float = 0.95,
) -> PairedTest:
    """Return McNemar's exact test of int8 against float32, of their most probable classes."""
    right, other = (it.argmax(1) == targets for it in (quantised, reference))
    return mcnemar(right, other, confidence=confidence)
