"""Is the fine-tuned network better than the head it started from? Validation images decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.evaluation.calibration import fit_temperature, softmax
from headstart.evaluation.comparison import PairedTest, lower_by_chance, mcnemar
from headstart.heads.folds import Indices

Logits = npt.NDArray[np.float64]
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True)
class Contest:
    """Two models on held-out images that neither learned from, both calibrated on them.

    Attributes:
        accuracies: Of the challenger and of the holder.
        test: McNemar's, first the challenger.
        nlls: Mean negative log-likelihood of either, in nats.
        likelier: One-sided p-value of the challenger's lower log-likelihood loss.
        images: How many decided.
        from_scratch: Whether the holder is a network that has learnt nothing: a floor to be
            told of, not a rival.
    """

    accuracies: tuple[float, float]
    test: PairedTest
    nlls: tuple[float, float]
    likelier: float
    images: int
    from_scratch: bool = False

    @property
    def wins(self) -> bool:
        """More right answers than chance explains; or a better likelihood, and not fewer.

        The likelihood sees more than right and wrong: of 300 images two good models answer
        ten differently, but give every one another probability.
        """
        if self.from_scratch:
            return True
        if self.test.p_value < SIGNIFICANT:
            return self.accuracies[0] > self.accuracies[1]
        return self.likelier < SIGNIFICANT

    @property
    def figures(self) -> str:
        """Both sides and both tests, in words."""
        return (
            f"accuracy {self.accuracies[0]:.3f} against {self.accuracies[1]:.3f} "
            f"(p = {self.test.p_value:.2g}), log loss {self.nlls[0]:.3f} against "
            f"{self.nlls[1]:.3f} (p = {self.likelier:.2g}), {self.images} held-out images"
        )


def hold_against(
    challenger: Logits, holder: Logits, targets: Indices, *, from_scratch: bool = False
) -> Contest:
    """Compare two models by their logits on the same images.

    Args:
        challenger: Shape (M, K).
        holder: Shape (M, K).
        targets: Shape (M,).
        from_scratch: See :class:`Contest`.
    """
    right = [logits.argmax(axis=1) == targets for logits in (challenger, holder)]
    losses = [calibrated_losses(logits, targets) for logits in (challenger, holder)]
    return Contest(
        accuracies=(float(right[0].mean()), float(right[1].mean())),
        test=mcnemar(right[0], right[1]),
        nlls=(float(losses[0].mean()), float(losses[1].mean())),
        likelier=lower_by_chance(losses[0], losses[1]),
        images=len(targets),
        from_scratch=from_scratch,
    )


def calibrated_losses(logits: Logits, targets: Indices) -> npt.NDArray[np.float64]:
    """Return each image's negative log-likelihood in nats, at the best temperature."""
    probabilities = softmax(logits, fit_temperature(logits, targets))
    true = probabilities[np.arange(len(targets)), targets]
    losses: npt.NDArray[np.float64] = -np.log(np.maximum(true, 1e-12))
    return losses


def words_of(contest: Contest) -> str:
    """Return a contest's outcome in a sentence."""
    if contest.from_scratch:
        return f"the trained network is kept: {contest.figures} of a random one{_alarm(contest)}"
    kept = "the fine-tuned network" if contest.wins else "the head on the pretrained network"
    return (
        f"{kept} is kept: fine-tuned against the head it started from, "
        f"both on the same training images: {contest.figures}"
    )


def _alarm(contest: Contest) -> str:
    if contest.test.p_value >= SIGNIFICANT or contest.accuracies[0] > contest.accuracies[1]:
        return ""
    return ". Training made it worse than it was: look at epochs.csv, train longer or slower"
