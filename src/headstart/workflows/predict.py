"""``headstart predict``: a bundle's answers for any images, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from headstart.config import cache_dir
from headstart.data.inputs import open_images
from headstart.errors import ConfigError
from headstart.files import write_csv
from headstart.progress import Progress, Silent
from headstart.serving.predictor import Prediction, Predictor, load
from headstart.workflows.deciding import ByClass, DecisionChanges, predict_deciding


def predict(
    bundle: str | Path | Predictor,
    images: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    top_k: int = 1,
    probabilities: bool = False,
    priors: ByClass | None = None,
    costs: ByClass | None = None,
    answer_all: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Classify images, and write the table if asked to.

    Args:
        bundle: Bundle folder, run directory, or a loaded predictor.
        images: Files, folders, archives or tables, mixed as you like.
        out: CSV file to write: ``path,label,confidence,status,error`` and what
            ``top_k`` and ``probabilities`` add. An existing file is replaced whole.
        top_k: Classes named for each image, the most probable first.
        probabilities: Add a column ``prob_<class>`` for every class.
        priors: Shares of the classes among these images: a mapping, ``"a=0.7,b=0.3"``,
            ``"equal"``, a file, ``"training"``, or ``"estimate"``: from the images
            themselves, without their labels. As the bundle says where not given.
        costs: What mistakes cost, alike; see :func:`headstart.config.class_numbers.read_costs`.
        answer_all: Leave the bundle's threshold out: no answer is ``"unknown"``.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Returns:
        One prediction an image, in order; a bad file has status ``"error"``, and what is
        not sure enough for an answer ``"unknown"``.

    Raises:
        HeadstartError: The bundle or an input cannot be used.
    """
    predictor = bundle if isinstance(bundle, Predictor) else load(bundle)
    check_top_k(top_k, predictor)
    manifest = open_images(images, cache=cache_dir(cache))
    heard = progress or Silent()

    def stream(chosen: Predictor) -> Iterator[Prediction]:
        answers = chosen.stream(manifest)
        yield from heard.track(answers, total=len(manifest), task="predicting", unit="images")

    changes = DecisionChanges(priors, costs, answer_all)
    predictor, predictions = predict_deciding(predictor, changes, stream, heard)
    if out is not None:
        header = table_header(predictor, top_k=top_k, probabilities=probabilities)
        rows = table_rows(predictions, predictor, top_k=top_k, probabilities=probabilities)
        write_csv(Path(out), header, rows)
    return predictions


def check_top_k(top_k: int, predictor: Predictor) -> None:
    """Refuse a ``top_k`` that the bundle cannot serve.

    Raises:
        ConfigError: It is under one, or over the number of classes.
    """
    classes = len(predictor.classes_)
    if not 1 <= top_k <= classes:
        raise ConfigError(f"top_k is {top_k}: expected 1 to {classes}, the bundle's classes")


def table_header(predictor: Predictor, *, top_k: int, probabilities: bool) -> list[str]:
    """Return the table's column names."""
    ranks = range(2, top_k + 1)
    more = [column for rank in ranks for column in (f"label_{rank}", f"confidence_{rank}")]
    each = [f"prob_{name}" for name in predictor.classes_] if probabilities else []
    return ["path", "label", "confidence", "status", "error", *more, *each]


def table_rows(
    predictions: Sequence[Prediction], predictor: Predictor, *, top_k: int, probabilities: bool
) -> Iterator[list[str]]:
    """Yield the table's rows, one an image; numbers of a bad file are empty."""
    width = len(table_header(predictor, top_k=top_k, probabilities=probabilities))
    for prediction in predictions:
        if prediction.status == "error":
            row = [prediction.path, "", "", "error", prediction.error]
            yield row + [""] * (width - len(row))
            continue
        sure = f"{prediction.confidence:.6f}"
        row = [prediction.path, prediction.label, sure, prediction.status, ""]
        row += _runners_up(prediction, predictor, top_k)
        yield row + [f"{p:.6f}" for p in prediction.probabilities if probabilities]


def _runners_up(prediction: Prediction, predictor: Predictor, top_k: int) -> list[str]:
    order = (-prediction.probabilities).argsort(kind="stable")
    others = order[predictor.classes_[order] != prediction.label][: top_k - 1]
    return [
        text
        for index in others
        for text in (str(predictor.classes_[index]), f"{prediction.probabilities[index]:.6f}")
    ]
