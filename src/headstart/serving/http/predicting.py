"""``POST /v1/predict``: from a request to its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request

from headstart.config.serving import ServeConfig
from headstart.errors import ConfigError, UnknownNameError
from headstart.evaluation.decision import UNKNOWN
from headstart.serving.http.body import read_body
from headstart.serving.http.failures import RequestFailure, busy
from headstart.serving.http.metrics import Metrics
from headstart.serving.http.multipart import Form, read_form
from headstart.serving.online.models import ServedModel
from headstart.serving.online.service import Answer, BusyError, OnlineService, Timing

STATUS_OF: Final = {"not_an_image": 415, "unreadable_image": 422}


async def predict(
    request: Request,
    service: OnlineService,
    config: ServeConfig,
    metrics: Metrics,
    *,
    model: str | None,
) -> dict[str, Any]:
    """Return the answer to a request as JSON's objects.

    Raises:
        RequestFailure: Anything else than an answer.
    """
    begun = time.perf_counter()
    if service.load.is_full:  # said before the body is read
        raise busy("too many images are in work")
    try:
        with service.load.holding() as count:
            form = await read_images(request, config, count)
            served = find_model(service, form.fields.get("model", model))
            answers, timing = await service.answer(served, form.files)
    except BusyError as error:
        raise busy(str(error)) from None
    _count(metrics, served, answers)
    request.scope["state"]["noted"] = {"model": served.name, "images": len(answers)}
    _refuse_if_all_bad(answers)
    top_k = _top_k(form.fields.get("top_k", request.query_params.get("top_k")))
    return {
        "model": {"name": served.name, "version": served.version},
        "predictions": [
            _prediction(index, one, served, top_k) for index, one in enumerate(answers)
        ],
        "timing_ms": _milliseconds(timing, time.perf_counter() - begun),
        "request_id": request.scope["state"]["request_id"],
    }


async def read_images(request: Request, config: ServeConfig, count: Callable[[int], None]) -> Form:
    """Return a request's images, one at least.

    Args:
        request: Whose.
        config: Limits.
        count: Told of every piece of the body, as for :func:`read_body`.

    Raises:
        RequestFailure: It keeps no limit, or brings no image.
    """
    kind = request.headers.get("content-type", "").strip()
    is_form = kind.lower().startswith("multipart/form-data")
    if not is_form and not _may_be_image(kind):
        message = "send a form (multipart/form-data) with files, or an image as the body"
        raise RequestFailure(415, "unsupported_media_type", message)
    body = await read_body(
        request,
        most_bytes=config.max_body_mb * 1_000_000,
        timeout_s=config.body_timeout_s,
        count=count,
    )
    form = read_form(body, kind, most_files=config.max_files) if is_form else Form((body,), {})
    if not form.files:
        raise RequestFailure(400, "no_files", "the form holds no file: -F files=@photo.jpg")
    return form


def _may_be_image(content_type: str) -> bool:
    kind = content_type.lower().partition(";")[0].strip()
    return kind.startswith("image/") or kind == "application/octet-stream"


def find_model(service: OnlineService, name: str | None) -> ServedModel:
    """Return a model by its name; without one, the only one.

    Raises:
        RequestFailure: There is none, or there are several.
    """
    try:
        return service.models.find(name)
    except UnknownNameError as error:
        raise RequestFailure(404, "unknown_model", str(error)) from None
    except ConfigError as error:
        raise RequestFailure(400, "no_model_named", str(error)) from None


def _top_k(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and int(given[:6]) > 0):
        raise RequestFailure(400, "bad_top_k", "top_k is a whole number from 1")
    return int(given[:6])


def _refuse_if_all_bad(answers: list[Answer]) -> None:
    problems = [answer.problem for answer in answers]
    if None in problems:
        return
    first = max(answers, key=lambda answer: STATUS_OF[answer.problem or "unreadable_image"])
    assert first.problem is not None
    raise RequestFailure(STATUS_OF[first.problem], first.problem, first.reason)


def _prediction(
    index: int, answer: Answer, model: ServedModel, top_k: int | None
) -> dict[str, Any]:
    if answer.problem is not None:
        error = {"code": answer.problem, "message": answer.reason}
        nothing = dict.fromkeys(("decision", "label", "confidence", "probabilities"))
        return {"index": index, "status": "error", **nothing, "error": error}
    named = dict(zip(model.bundle.info.classes, answer.probabilities, strict=True))
    if top_k is not None:
        named = dict(sorted(named.items(), key=lambda pair: -pair[1])[:top_k])
    return {
        "index": index,
        "status": answer.status,
        "decision": UNKNOWN if answer.status == UNKNOWN else answer.label,
        "label": answer.label,
        "confidence": answer.confidence,
        "probabilities": named,
        "error": None,
    }


def _milliseconds(timing: Timing, total_s: float) -> dict[str, float]:
    parts = {"total": total_s, "decode": timing.decode_s, "inference": timing.infer_s}
    return {name: round(1000 * seconds, 2) for name, seconds in parts.items()}


def _count(metrics: Metrics, model: ServedModel, answers: list[Answer]) -> None:
    for answer in answers:
        outcome = answer.problem or answer.status
        metrics.count("images_total", model=model.name, outcome=outcome)
