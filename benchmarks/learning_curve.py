"""Do learning curves' intervals hold the truth? Made-up answers whose power law is known.

Usage: python benchmarks/learning_curve.py [--samples 100]

Each image has a difficulty that all sizes share, so that their errors move together as
real ones do; each training draw moves the accuracy of the fold that it is judged on. The
truth asked for is the gain from all images to twice as many, a fold of five having been
held out of the largest size measured. Coverage is how often the 95 % interval holds it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from headstart.evaluation.curve_noise import point_covariance
from headstart.evaluation.power_law import fit_power_laws
from headstart.selection.curve_sizes import repeats_of

LARGEST = 1600
SHARED = 0.8
"""Share of the variance of an image's difficulty that does not change with the training set."""
DRAW = 0.004
"""How far a training draw moves a fold's error, at the largest size."""


@dataclass(frozen=True)
class Law:
    """A truth: its rate, the share of the last error that stays, and that error."""

    rate: float
    floor: float
    last: float

    def error(self, images: float | np.ndarray) -> np.ndarray:
        """Return the true error with so many training images."""
        falling = (np.asarray(images) / LARGEST) ** -self.rate
        return self.last * (self.floor + (1 - self.floor) * falling)


@dataclass(frozen=True)
class Case:
    """A truth, seen through so many judged images at so many sizes."""

    law: Law
    judged: int
    sizes: int = 6


LAWS = [
    *(Law(rate, 0.0, 0.1) for rate in (0.2, 0.35, 0.5)),
    Law(0.8, 0.0, 0.04),
    *(Law(rate, 0.4, 0.1) for rate in (0.35, 0.6)),
    Law(1.0, 0.4, 0.03),
    Law(1.0, 0.7, 0.05),
    Law(0.5, 1.0, 0.1),
]
CASES = [
    *(Case(law, judged) for judged in (2000, 300) for law in LAWS),
    *(Case(law, 1000, n) for n in (4, 5) for law in (Law(0.35, 0, 0.1), Law(0.7, 0.5, 0.1))),
    *(Case(Law(0.25, floor, 0.3), 500) for floor in (0.0, 0.3)),
]


def draw_answers(case: Case, sizes: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return right and wrong answers, for each size an array (repeats, images)."""
    hard, folds = rng.normal(size=case.judged), np.arange(case.judged) % 5
    found = []
    for size in sizes:
        right = np.zeros((repeats_of(int(size), LARGEST), case.judged), bool)
        for repeat in right:
            for fold in range(5):
                mine = folds == fold
                error = float(case.law.error(size)) + rng.normal() * DRAW * (LARGEST / size) ** 0.5
                latent = SHARED**0.5 * hard[mine] + (1 - SHARED) ** 0.5 * rng.normal(
                    size=mine.sum()
                )
                repeat[mine] = latent > NormalDist().inv_cdf(float(np.clip(error, 1e-4, 0.95)))
        found.append(right)
    return found


def simulate(case: Case, samples: int) -> tuple[float, float, float, float]:
    """Return the true gain, its coverage, the mean width of the interval and its bias."""
    rng = np.random.default_rng(0)
    sizes = LARGEST / 2.0 ** np.arange(case.sizes)[::-1]
    now, doubled = 1.25 * LARGEST, 2.5 * LARGEST
    truth = float(case.law.error(now) - case.law.error(doubled))
    gains = []
    for _ in range(samples):
        right = draw_answers(case, sizes, rng)
        folds = np.arange(case.judged) % 5
        covariance = point_covariance(right, sizes, folds, range(case.judged))
        errors = np.array([1 - answers.mean() for answers in right])
        gains.append(fit_power_laws(sizes, errors, covariance).gain(now, doubled))
    held = np.mean([it.low - 1e-9 <= truth <= it.high + 1e-9 for it in gains])
    width = np.mean([it.high - it.low for it in gains])
    bias = np.mean([it.value for it in gains]) - truth
    return truth, float(held), float(width), float(bias)


def main() -> None:
    """Print a row a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100)
    samples = parser.parse_args().samples
    print("rate  floor  last  judged  sizes  gain, points  coverage  width  bias")
    for case in CASES:
        truth, held, width, bias = simulate(case, samples)
        law = case.law
        print(
            f"{law.rate:<6}{law.floor:<7}{law.last:<6}{case.judged:<8}{case.sizes:<7}"
            f"{100 * truth:<14.2f}{held:<10.2f}{100 * width:<7.2f}{100 * bias:+.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
