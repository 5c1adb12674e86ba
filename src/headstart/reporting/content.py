"""Everything a report says, as plain values: no paths to read, no model to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from headstart.data.manifest import Rejected, Split
from headstart.evaluation import Estimate, Judgement
from headstart.evaluation.decision_figures import DecisionFigures
from headstart.reporting.history import TrainingHistory


class Measured(Protocol):
    """Figures and the number of images behind them, such as a judgement."""

    @property
    def n(self) -> int:
        """How many images."""
        ...

    @property
    def metrics(self) -> Mapping[str, Estimate]:
        """Name -> value with its interval."""
        ...


@dataclass(frozen=True)
class EvidenceMap:
    """Where in an image the evidence for one class lies, drawn over it.

    Attributes:
        label: The class.
        probability: Calibrated, of the class for the whole image, 0 to 1.
        picture: JPEG bytes.
    """

    label: str
    probability: float
    picture: bytes


@dataclass(frozen=True)
class Example:
    """One image as the report shows it.

    Attributes:
        path: Its name inside the source.
        label: Its true class.
        predicted: The class the model chose; empty where the image was not predicted.
        confidence: Calibrated probability of ``predicted``, 0 to 1.
        thumbnail: JPEG bytes, as made by :func:`~headstart.reporting.make_thumbnail`.
        maps: What speaks for some classes, if that was drawn.
        row: Which test image it is, if it is one.
    """

    path: str
    label: str
    predicted: str
    confidence: float
    thumbnail: bytes
    maps: tuple[EvidenceMap, ...] = ()
    row: int | None = None


@dataclass(frozen=True, slots=True)
class TestImage:
    """One test image of the galleries.

    Attributes:
        row: Which test image it is, from 0.
        path: Its name inside the source.
        label: Position of its true class.
        predicted: Position of the class the model chose.
        top: The most probable classes and their probabilities, the first first.
        thumbnail: JPEG bytes.
    """

    __test__ = False

    row: int
    path: str
    label: int
    predicted: int
    top: tuple[tuple[int, float], ...]
    thumbnail: bytes


@dataclass(frozen=True)
class Candidate:
    """One head that was tried, for the table "how the head was chosen".

    Attributes:
        taps: Which activations it reads: ``"final+stage3"``.
        strength: Its regularisation, as the head counts it.
        accuracy: Cross-validated share of right answers, 0 to 1.
        nll: Cross-validated negative log-likelihood, nats an image.
        chosen: Whether it became the head.
        setting: What was tried in words, where its strength does not say it.
    """

    taps: str
    strength: float
    accuracy: float
    nll: float
    chosen: bool
    setting: str = ""


@dataclass(frozen=True)
class Slice:
    """Test images that have something in common.

    Attributes:
        feature: By what they were told apart: ``"brightness"``.
        name: Which of them: ``"darkest quarter"``.
        n: How many.
        accuracy: Share of them answered right.
        rest: The same of all others, if it was worked out.
        rows: Which test images, if they are to be shown.
        notable: Whether they do worse than the others beyond chance.
    """

    feature: str
    name: str
    n: int
    accuracy: Estimate
    rest: Estimate | None = None
    rows: tuple[int, ...] = ()
    notable: bool = False


@dataclass(frozen=True)
class Suspect:
    """An image whose label is doubted.

    Attributes:
        example: The image; ``predicted`` is the class that is suggested.
        split: Where it is: ``train``, ``val`` or ``test``.
        reason: Why, in a few words.
    """

    example: Example
    split: str = ""
    reason: str = ""


@dataclass(frozen=True)
class TextTable:
    """Any further table.

    Attributes:
        title: Its heading.
        caption: What it shows, a sentence or two.
        columns: Headings.
        rows: Texts, as many as columns.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """One run, ready to be shown. Only the first six fields are needed.

    Attributes:
        title: Name of the run or of the data.
        created: When the run ended, ISO 8601.
        backbone: Name of the backbone, with its size if wished.
        head: The head in a few words.
        device: Engine, device and precision in a line.
        test: Judgement of the locked test split.
        validation: Judgement of out-of-fold predictions on train and val, if there is one.
        decision: What leaving out unsure answers, and costs, come to on the test split.
        split_counts: Class -> split -> number of images. Its order is the order shown.
        image_facts: Name -> value: sizes, formats, total bytes.
        notes: Warnings and choices the run made, one sentence each.
        rejected: Files set aside, with the reason.
        ignored: Files not taken for images: reason -> how many.
        duplicate_count: Images whose content occurs more than once, if that is known.
        samples: Class -> a few of its images.
        images: Test images of the galleries; may be only some of all.
        errors: Wrong test predictions, the most confident first; may be only the first few.
        map_note: What is to be known of the maps beside the errors.
        history: Each epoch of fine-tuning, if there was any.
        slices: Accuracy on parts of the test images.
        suspects: Images whose label is doubted, the most doubtful first.
        tables: Whatever else there is to tell.
        selection: Every head that was compared, in the order to show.
        parity: Agreement of the exported bundle with the training side: name -> value.
        config: The run's configuration, nested.
        environment: Versions and hardware: name -> value, nested if wished.
        timings_s: Step -> seconds; a key ``total`` is shown as the sum.
        bundle_bytes: Size of the bundle on disk.
    """

    title: str
    created: str
    backbone: str
    head: str
    device: str
    test: Judgement
    validation: Measured | None = None
    decision: DecisionFigures | None = None
    split_counts: Mapping[str, Mapping[Split, int]] = field(default_factory=dict)
    image_facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    duplicate_count: int | None = None
    samples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)
    images: tuple[TestImage, ...] = ()
    errors: tuple[Example, ...] = ()
    map_note: str = ""
    history: TrainingHistory | None = None
    slices: tuple[Slice, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    tables: tuple[TextTable, ...] = ()
    selection: tuple[Candidate, ...] = ()
    parity: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    bundle_bytes: int = 0
