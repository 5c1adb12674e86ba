"""The page of a check: what a pretrained network sees, at a glance, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headstart.reporting.html import environment, page_script
from headstart.selection.memory import OwnNames
from headstart.selection.recognition import ClassAnswers, LabelShare, verdict
from headstart.selection.resolution import Finding
from headstart.selection.strategy import QUADRANTS, Advice, Evidence, placed

_PICTURES = 240
_FEWEST_WITH_ALL = 48


@dataclass(frozen=True)
class SeenPicture:
    """One image with what the network calls it.

    Attributes:
        path: Its name inside the source.
        thumbnail: JPEG bytes, as made by :func:`~headstart.reporting.make_thumbnail`.
        labels: The likeliest labels with their probabilities, the likeliest first.
    """

    path: str
    thumbnail: bytes
    labels: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class SeenLabel:
    """One of the network's labels on a class, with an image that it calls so."""

    share: LabelShare
    picture: SeenPicture | None


@dataclass(frozen=True)
class SeenClass:
    """What the network answers on one class, with pictures."""

    answers: ClassAnswers
    labels: tuple[SeenLabel, ...]

    @property
    def verdict(self) -> str:
        """How well the network knows the class, in a word or two."""
        return verdict(self.answers)


@dataclass(frozen=True, kw_only=True)
class CheckContent:
    """One check, ready to be shown.

    Attributes:
        title: Name of the data.
        created: When it was made, ISO 8601.
        facts: What was looked at and how, a few words each.
        classes: The network's answers, class by class.
        pictures: Images without labels, with the answers on each.
        more_pictures: How many such images are not shown.
        names: How often the network says what the data's own names say.
        memory: Why scores may measure memory, or nothing.
        evidence: What the strategy was chosen by, if there are labels.
        advice: The strategy, if there are labels.
        findings: What there is to say on size and geometry.
        notes: What was decided or is worth knowing.
        timings_s: Step -> seconds.
    """

    title: str
    created: str
    facts: tuple[str, ...]
    classes: tuple[SeenClass, ...] = ()
    pictures: tuple[SeenPicture, ...] = ()
    more_pictures: int = 0
    names: OwnNames | None = None
    memory: str = ""
    evidence: Evidence | None = None
    advice: Advice | None = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)


def render_check(content: CheckContent) -> str:
    """Return the whole page as one self-contained HTML document.

    The same content gives the same text.
    """
    template = environment().get_template("check.html")
    return template.render(
        content=content,
        placed=placed(content.advice) if content.advice else "",
        quadrants=QUADRANTS,
        **page_script(),
    )


def pictured_labels(class_count: int) -> int:
    """Return how many labels of each class can have a picture on a page that stays light.

    >>> [pictured_labels(count) for count in (2, 48, 100, 240, 1000)]
    [5, 5, 2, 1, 0]
    """
    if class_count <= _FEWEST_WITH_ALL:
        return 5
    return _PICTURES // class_count
