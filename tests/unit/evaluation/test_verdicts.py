from __future__ import annotations

import numpy as np

from headstart.evaluation import verdicts
from headstart.evaluation.contest import Contest, hold_contest


def contest(**right: tuple[int, ...]) -> Contest:
    """Models by the images of 431 that they got wrong."""
    targets = np.arange(431) % 2
    said = {}
    for name, wrong in right.items():
        said[name] = targets.copy()
        said[name][list(wrong)] ^= 1
    return hold_contest(said, targets, classes=("a", "b"), resamples=100)


def test_one_that_is_better() -> None:
    found = contest(good=(1, 2), bad=tuple(range(3, 30)))
    assert verdicts.headline(found).startswith("good is the best: more often right than the other")
    assert verdicts.verdict(found.pairs[0]).startswith(
        "good is better than bad: it got 25 more of 431 images right (5.8 points ["
    )
    assert "p < .001" in verdicts.verdict(found.pairs[0])
    assert verdicts.reach(found.pairs[0]) == ""


def test_no_difference_in_words_and_what_would_have_shown() -> None:
    found = contest(one=tuple(range(14)), other=tuple(range(10, 28)))
    assert verdicts.headline(found) == "no difference that 431 images could show (p = .54)"
    assert verdicts.verdict(found.pairs[0]) == (
        "no difference that 431 images could show (p = .54): 14 only one got right, 10 only other"
    )
    assert verdicts.told(found)[0] == "14 only one got right, 10 only other, of 431 images"
    reach = verdicts.reach(found.pairs[0])
    assert reach.startswith("these 431 images would likely have shown a true difference of 3.")
    assert "one as small as the 0.9 points seen here would take about 5" in reach


def test_the_same_answers() -> None:
    found = contest(one=(3,), other=(3,))
    assert (
        verdicts.verdict(found.pairs[0]) == "one and other say the same of every one of 431 images"
    )


def test_a_shared_first_place() -> None:
    found = contest(one=(1,), two=(2,), bad=tuple(range(3, 60)))
    assert verdicts.headline(found) == (
        "one and two share the first place: 431 images cannot tell them apart"
    )


def test_nobody_is_ahead() -> None:
    found = contest(one=(1,), two=(2,), three=(3,))
    assert verdicts.headline(found) == "no difference that 431 images could show among these 3"


def test_too_few_images() -> None:
    few = hold_contest({"a": [0, 1], "b": [1, 1]}, [0, 1], classes=("x", "y"), resamples=100)
    assert verdicts.reach(few.pairs[0]) == "2 images are too few to show any difference"


def test_whose_probabilities_are_better() -> None:
    targets = np.zeros(100, np.int64)
    rng = np.random.default_rng(0)
    sure, unsure = rng.uniform(0.8, 0.99, 100), rng.uniform(0.55, 0.7, 100)
    said = {name: np.stack([p, 1 - p], 1) for name, p in (("sure", sure), ("unsure", unsure))}
    pair = hold_contest(said, targets, classes=("x", "y")).pairs[0]
    assert verdicts.probabilities_verdict(pair).startswith(
        "sure gives the better probabilities (NLL -"
    )
