"""``headstart predict``: a bundle's answers for any images, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from headstart.config import cache_dir
from headstart.data.inputs import open_images
from headstart.errors import ConfigError
from headstart.progress import Progress, Silent
from headstart.serving.predictor import Prediction, Predictor, load
from headstart.workflows.deciding import (
    ByClass,
    DecisionChanges,
    decide_beforehand,
    predict_deciding,
)
from headstart.workflows.prediction_rows import Columns, texts
from headstart.workflows.row_files import format_of, write_rows


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

    All answers are held in memory; for more images than that,
    :func:`headstart.workflows.predict_batch.predict_batch`.

    Args:
        bundle: Bundle folder, run directory, or a loaded predictor.
        images: Files, folders, archives or tables, mixed as you like.
        out: Table to write, CSV, TSV, JSON Lines or Parquet by its ending:
            ``path,label,confidence,status,error`` and what ``top_k`` and ``probabilities``
            add. An existing file is replaced whole.
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
    if out is not None:
        format_of(Path(out))
    changes = DecisionChanges(priors, costs, answer_all)
    predictor, answers = stream_predictions(
        bundle, images, changes, top_k=top_k, cache=cache, progress=progress or Silent()
    )
    predictions = list(answers)
    if out is not None:
        columns = columns_of(predictor, top_k=top_k, probabilities=probabilities)
        write_rows(Path(out), columns, map(columns.cells, predictions))
    return predictions


def stream_predictions(
    bundle: str | Path | Predictor,
    images: Sequence[str | Path],
    changes: DecisionChanges,
    *,
    top_k: int = 1,
    cache: str | Path | None = None,
    progress: Progress,
) -> tuple[Predictor, Iterable[Prediction]]:
    """Classify images one after another; with estimated priors all are looked at first.

    Returns:
        The predictor that decides, and its predictions, made as they are asked for.

    Raises:
        HeadstartError: The bundle or an input cannot be used.
    """
    predictor = bundle if isinstance(bundle, Predictor) else load(bundle)
    check_top_k(top_k, predictor)
    manifest = open_images(images, cache=cache_dir(cache))

    def stream(chosen: Predictor) -> Iterator[Prediction]:
        answers = chosen.stream(manifest)
        yield from progress.track(answers, total=len(manifest), task="predicting", unit="images")

    if changes.estimates:
        return predict_deciding(predictor, changes, stream, progress)
    chosen = decide_beforehand(predictor, changes, progress)
    return chosen, stream(chosen)


def check_top_k(top_k: int, predictor: Predictor) -> None:
    """Refuse a ``top_k`` that the bundle cannot serve.

    Raises:
        ConfigError: It is under one, or over the number of classes.
    """
    classes = len(predictor.classes_)
    if not 1 <= top_k <= classes:
        raise ConfigError(f"top_k is {top_k}: expected 1 to {classes}, the bundle's classes")


def columns_of(predictor: Predictor, *, top_k: int, probabilities: bool) -> Columns:
    """Return what a table of a predictor's answers says."""
    return Columns(tuple(predictor.classes_.tolist()), top_k=top_k, probabilities=probabilities)


def table_header(predictor: Predictor, *, top_k: int, probabilities: bool) -> list[str]:
    """Return the table's column names."""
    return columns_of(predictor, top_k=top_k, probabilities=probabilities).names


def table_rows(
    predictions: Iterable[Prediction], predictor: Predictor, *, top_k: int, probabilities: bool
) -> Iterator[list[str]]:
    """Yield the table's rows as text, one an image; numbers of a bad file are empty."""
    columns = columns_of(predictor, top_k=top_k, probabilities=probabilities)
    return (texts(columns.cells(prediction)) for prediction in predictions)
