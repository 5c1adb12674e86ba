"""Which strategy suits the data: from evidence to advice, by rules that give their reason.

The frame is the table of CS231n, "Transfer Learning" (Stanford,
https://cs231n.github.io/transfer-learning/): few or many images, similar to what the
network was trained on or different. It names no numbers; those below were settled on
the results listed in ``docs/strategy.md``, and a test holds the rules against them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from headstart.evaluation import Estimate

Strategy = Literal["probe", "early", "partial", "full", "scratch"]
Size = Literal["small", "large"]
Similarity = Literal["similar", "different"]

MANY_IMAGES: Final = 1000
"""Fewer are a small data set: fine-tuning 244 ants and bees lost against a head on fixed
features (.935, .961), on 1,178 and more images it won."""
MANY_PER_CLASS: Final = 100
"""The same for the mean class: 59 butterflies a class were served by a head (.906 with a
plain one), 196 waste photos a class were not (.786, fine-tuned .862)."""
SURE: Final = 0.5
"""Mean confidence of the network's own first answer: .76 on ImageNet's photos, .72 on ants
and bees, .32 on waste, .05 on textiles (EfficientNet-Lite0)."""
TELLING: Final = 0.5
"""How well the network's own label tells the class beyond naming the largest class, 0 to 1:
.87 on ants and bees, .43 on waste, .04 on textiles."""
TAP_GAIN: Final = 0.01
"""Accuracy that earlier activations must win over the final ones to count as better: the
standard error of a share near .9 on 1,000 images. They lose .02 on ants and bees, and win
.02 on waste and .01 on textiles."""
SOLVED: Final = 0.97
"""Where even the lower end of a head's interval is above this, a fine-tuned network has
less to win than a test split of usual size can show."""
SCRATCH_IMAGES: Final = 100_000
"""From here on a network trained from scratch may keep up with a pretrained one (Raghu et
al., 2019, arXiv:1902.07208: some 200,000 medical images). With CIFAR-10's 50,000 it did
not: above .88 from scratch, .957 and more fine-tuned."""
LEARNABLE: Final = 0.1
"""Share of a largest-class guesser's errors that a head should avoid at least."""
RARE: Final = 20
"""Images below which a class's figures are guesses."""
UNEVEN: Final = 5.0
"""Largest class over smallest from which a plain loss neglects the small ones."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of the data and of how a frozen network sees it.

    Attributes:
        images: Training and validation images there are.
        classes: How many classes.
        smallest: Images of the smallest class.
        largest: Images of the largest class.
        sampled: Images behind the figures below.
        base: Share of the largest class among them.
        confidence: Mean probability of the network's own first answer, ``None`` where it
            has no classifier of its own.
        telling: How well that answer tells the class, see
            :func:`~headstart.selection.recognition.label_skill`; ``None`` as above.
        knn: Accuracy of nearest neighbours on the final features.
        final: Cross-validated accuracy of a linear head on the final features.
        early: The same on earlier activations, ``None`` where there are none.
        every: The same on both.
    """

    images: int
    classes: int
    smallest: int
    largest: int
    sampled: int
    base: float
    confidence: float | None
    telling: float | None
    knn: Estimate
    final: Estimate
    early: Estimate | None
    every: Estimate

    @property
    def tap_gap(self) -> float | None:
        """Accuracy of the final features less that of earlier ones."""
        return None if self.early is None else self.final.value - self.early.value

    @property
    def best(self) -> Estimate:
        """The best linear head's accuracy."""
        known = [it for it in (self.final, self.early, self.every) if it is not None]
        return max(known, key=lambda estimate: estimate.value)

    @property
    def learnt(self) -> float:
        """Share of a largest-class guesser's errors that the best linear head avoids."""
        return (self.best.value - self.base) / (1 - self.base) if self.base < 1 else 0.0


@dataclass(frozen=True)
class Sign:
    """One sign of similarity: a measured value that is, or is not, at least a limit.

    Attributes:
        name: What it is called.
        measure: Reads it from the evidence; ``None`` where it cannot be told.
        least: Value from which it says "similar".
        reason: Why it tells.
    """

    name: str
    measure: Callable[[Evidence], float | None]
    least: float
    reason: str


SIGNS: Final[tuple[Sign, ...]] = (
    Sign(
        "confidence of the network's own answer",
        lambda evidence: evidence.confidence,
        SURE,
        "a network is sure of what it was trained on, and guesses at what it never saw",
    ),
    Sign(
        "how well its own label tells your class",
        lambda evidence: evidence.telling,
        TELLING,
        "where its words already part your classes, its last layer is about your subject",
    ),
    Sign(
        "final features less earlier ones, accuracy",
        lambda evidence: evidence.tap_gap,
        -TAP_GAIN,
        "the last layers serve the network's own classes; where earlier ones do better, "
        "those classes are not yours",
    ),
)
"""Most of those that can be told decide; with as many for as against, "different" wins,
because a fine-tuned network is kept only if it beats the head."""


@dataclass(frozen=True)
class Vote:
    """A sign and what it says of some evidence."""

    sign: Sign
    value: float

    @property
    def similar(self) -> bool:
        """Whether it speaks for similarity."""
        return self.value >= self.sign.least


@dataclass(frozen=True)
class Case:
    """Evidence with what follows from it at once: the quadrant it falls in."""

    evidence: Evidence
    size: Size
    similarity: Similarity
    votes: tuple[Vote, ...]


@dataclass(frozen=True)
class Rule:
    """One line of the table of strategies.

    Attributes:
        strategy: What it recommends.
        when: The condition in words.
        applies: The condition.
        advice: The recommendation in words.
        reason: Why.
    """

    strategy: Strategy
    when: str
    applies: Callable[[Case], bool]
    advice: str
    reason: str


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "probe",
        f"a linear head is right on more than {SOLVED:.0%}, the whole interval",
        lambda case: case.evidence.best.low > SOLVED,
        "Head only: a linear head on the frozen network.",
        "It already solves the task; fine-tuning has less to win than a test could show.",
    ),
    Rule(
        "scratch",
        f"{SCRATCH_IMAGES:,} images or more, every sign says different, and a linear head "
        "avoids less than half of the errors of naming the largest class",
        lambda case: (
            case.evidence.images >= SCRATCH_IMAGES
            and not any(vote.similar for vote in case.votes)
            and case.evidence.learnt < 0.5
        ),
        "Full fine-tuning, and a network from scratch beside it.",
        "There are images enough to learn from nothing, and the pretrained features help "
        "little; pretrained weights are still a good start, so compare the two.",
    ),
    Rule(
        "probe",
        "small, similar",
        lambda case: (case.size, case.similarity) == ("small", "similar"),
        "Head only: a linear head on the final features.",
        "Too few images to change millions of weights without learning them by heart, and "
        "the last layer is already about your subject.",
    ),
    Rule(
        "early",
        "small, different",
        lambda case: (case.size, case.similarity) == ("small", "different"),
        "Head on earlier taps, or a linear SVM on them.",
        "Too few images to fine-tune; the last layers serve other classes than yours, the "
        "earlier ones see edges, textures and parts that every picture has.",
    ),
    Rule(
        "partial",
        "large, similar",
        lambda case: (case.size, case.similarity) == ("large", "similar"),
        "Partial fine-tuning: the head first, then the last stages.",
        "There are images enough to adapt what is most specific, the last stages; the early "
        "ones already fit.",
    ),
    Rule(
        "full",
        "large, different",
        lambda case: (case.size, case.similarity) == ("large", "different"),
        "Full fine-tuning: the head first, then every layer.",
        "There are images enough, and the network has to learn to see something new; "
        "pretrained weights are still the best start.",
    ),
)
"""The first that applies decides."""


QUADRANTS: Final[tuple[tuple[Size, Similarity, Strategy, str], ...]] = (
    ("small", "similar", "probe", "Head only"),
    ("small", "different", "early", "Head on earlier taps"),
    ("large", "similar", "partial", "Partial fine-tuning"),
    ("large", "different", "full", "Full fine-tuning"),
)
"""The table of CS231n in a word each: row, column, strategy, name."""


@dataclass(frozen=True)
class Caution:
    """Something to be careful about, whatever the strategy.

    Attributes:
        when: The condition in words.
        applies: The condition.
        text: What to do; ``{evidence}`` is filled in.
    """

    when: str
    applies: Callable[[Evidence], bool]
    text: str


CAUTIONS: Final[tuple[Caution, ...]] = (
    Caution(
        f"a linear head avoids less than {LEARNABLE:.0%} of the errors of naming the largest class",
        lambda evidence: evidence.learnt < LEARNABLE,
        "even the best head hardly beats always naming the largest class: look whether the "
        "labels can be told from the images at all",
    ),
    Caution(
        f"a class has fewer than {RARE} images",
        lambda evidence: evidence.smallest < RARE,
        "the smallest class has {evidence.smallest} training images: collect more of it "
        "before anything else",
    ),
    Caution(
        f"the largest class is {UNEVEN:g} times the smallest or more",
        lambda evidence: evidence.largest >= UNEVEN * evidence.smallest,
        "the largest class has {evidence.largest} images, the smallest {evidence.smallest}: "
        "train with --class-weight balanced and judge by macro F1",
    ),
)


@dataclass(frozen=True)
class Advice:
    """The recommendation and everything it rests on.

    Attributes:
        strategy: Short name of the recommendation.
        size: Row of the CS231n table.
        similarity: Column of the CS231n table.
        text: The recommendation in words.
        when: The condition of the rule that decided.
        reason: Why that rule says so.
        votes: The signs of similarity that could be told.
        cautions: What to be careful about besides.
    """

    strategy: Strategy
    size: Size
    similarity: Similarity
    text: str
    when: str
    reason: str
    votes: tuple[Vote, ...]
    cautions: tuple[str, ...]


def advise(evidence: Evidence) -> Advice:
    """Return the strategy that the rules recommend; the same evidence, the same advice."""
    case = place(evidence)
    rule = next(rule for rule in RULES if rule.applies(case))
    return Advice(
        strategy=rule.strategy,
        size=case.size,
        similarity=case.similarity,
        text=rule.advice,
        when=rule.when,
        reason=rule.reason,
        votes=case.votes,
        cautions=tuple(
            caution.text.format(evidence=evidence)
            for caution in CAUTIONS
            if caution.applies(evidence)
        ),
    )


def placed(advice: Advice) -> str:
    """Return the quadrant as a sentence without its full stop."""
    than = "similar to" if advice.similarity == "similar" else "different from"
    return f"A {advice.size} data set, {than} what the network was trained on"


def place(evidence: Evidence) -> Case:
    """Return the quadrant of the CS231n table that evidence falls in."""
    many = evidence.images >= MANY_IMAGES
    dense = evidence.images >= MANY_PER_CLASS * evidence.classes
    measured = [(sign, sign.measure(evidence)) for sign in SIGNS]
    votes = tuple(Vote(sign, value) for sign, value in measured if value is not None)
    similar = 2 * sum(vote.similar for vote in votes) > len(votes)
    return Case(
        evidence,
        "large" if many and dense else "small",
        "similar" if similar else "different",
        votes,
    )
