"""Do the intervals of a judgement hold the truth? Made-up answers whose truth is known.

Usage: python benchmarks/intervals.py [--samples 800]

An honest classifier answers each image with probabilities, and the image's class is drawn
from these: six classes in the shares of TrashNet's, answers as sure as makes the accuracy
that is asked for. The truth is that of half a million such images; coverage is how often the
95 % interval of a sample holds it.
"""

from __future__ import annotations

import numpy as np

from _report import Check, Report, arguments_parser
from headstart.evaluation import judge
from headstart.evaluation.calibration import softmax
from headstart.evaluation.counts import Floats, Ints

SHARES = np.array([403, 501, 410, 594, 482, 137]) / 2527
CLASSES = tuple("abcdef")
METRICS = ("accuracy", "f1_macro", "f1_weighted", "balanced_accuracy", "nll", "brier")
ACCURACIES = (0.7, 0.91, 0.97)
SIZES = (50, 100, 431, 2000)
POPULATION = 500_000
RESAMPLES = 400
SAMPLES = 800
SEED = 0


class Classifier:
    """Answers as sure as makes an accuracy; their truth follows from many of them.

    Args:
        accuracy: In expectation.
    """

    def __init__(self, accuracy: float) -> None:
        self._sureness = 0.0
        low, high = 0.0, 40.0
        for _ in range(30):
            self._sureness = (low + high) / 2
            surest = self.answers(np.random.default_rng(SEED), 20_000)[0].max(axis=1).mean()
            low, high = (self._sureness, high) if surest < accuracy else (low, self._sureness)
        answers, targets = self.answers(np.random.default_rng(SEED + 1), POPULATION)
        judged = judge(answers, targets, classes=CLASSES, resamples=2)
        self.truth = {name: judged.metrics[name].value for name in METRICS}

    def answers(self, rng: np.random.Generator, images: int) -> tuple[Floats, Ints]:
        """Return probabilities (N, K) and classes that are drawn from them (N,)."""
        likely = rng.choice(len(SHARES), size=images, p=SHARES)
        logits = rng.normal(size=(images, len(SHARES))) * self._sureness / 2 + np.log(SHARES)
        logits[np.arange(images), likely] += self._sureness
        probabilities = softmax(logits)
        beyond = rng.random((images, 1)) > probabilities.cumsum(axis=1)
        return probabilities, np.minimum(beyond.sum(axis=1), len(SHARES) - 1)


def coverage(classifier: Classifier, images: int, samples: int) -> dict[str, float]:
    """Return how often the interval of each figure holds its truth."""
    held = dict.fromkeys(METRICS, 0)
    for number in range(samples):
        rng = np.random.default_rng((SEED, images, number))
        answers, targets = classifier.answers(rng, images)
        found = judge(answers, targets, classes=CLASSES, resamples=RESAMPLES, seed=number).metrics
        for name in METRICS:
            held[name] += found[name].low <= classifier.truth[name] <= found[name].high
    return {name: count / samples for name, count in held.items()}


def main() -> None:
    """Measure and print."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of each kind [%(default)s]")
    options = parser.parse_args()
    rows, cells = [], []
    for accuracy in ACCURACIES:
        classifier = Classifier(accuracy)
        for images in SIZES:
            found = coverage(classifier, images, options.samples)
            cells += list(found.values())
            rows.append((f"{accuracy:g}", images, *found.values()))
    Report(
        title="How often 95 % intervals hold the truth",
        headers=("accuracy", "images", *METRICS),
        rows=rows,
        checks=[
            Check("least often", min(cells), 0.93, "at least", ""),
            Check("most often", max(cells), 0.97, "at most", ""),
        ],
        notes=[f"chance moves each by {2 * (0.95 * 0.05 / options.samples) ** 0.5:.3f}"],
        is_reduced=options.samples < SAMPLES,
    ).publish(options.json)


if __name__ == "__main__":
    main()
