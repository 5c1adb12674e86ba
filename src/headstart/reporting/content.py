"""Everything a report says, as plain values: no paths to read, no model to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headstart.data.manifest import Rejected, Split
from headstart.evaluation import Judgement
from headstart.evaluation.decision_figures import DecisionFigures


@dataclass(frozen=True)
class Example:
    """One image as the report shows it.

    Attributes:
        path: Its name inside the source.
        label: Its true class.
        predicted: The class the model chose; empty where the image was not predicted.
        confidence: Calibrated probability of ``predicted``, 0 to 1.
        thumbnail: JPEG bytes, as made by :func:`~headstart.reporting.make_thumbnail`.
    """

    path: str
    label: str
    predicted: str
    confidence: float
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
        duplicate_count: Images whose content occurs more than once.
        samples: Class -> a few of its images.
        errors: Wrong test predictions, the most confident first; may be only the first few.
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
    validation: Judgement | None = None
    decision: DecisionFigures | None = None
    split_counts: Mapping[str, Mapping[Split, int]] = field(default_factory=dict)
    image_facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    duplicate_count: int = 0
    samples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)
    errors: tuple[Example, ...] = ()
    selection: tuple[Candidate, ...] = ()
    parity: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    bundle_bytes: int = 0
