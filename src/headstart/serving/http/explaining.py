"""``POST /v1/explain``: an activation map over its image, or why there is none."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import Response

from headstart.config.serving import ServeConfig
from headstart.data.sniffing import image_format
from headstart.errors import BadImageError, UnknownNameError
from headstart.serving.http.failures import RequestFailure, busy
from headstart.serving.http.metrics import Metrics
from headstart.serving.http.predicting import STATUS_OF, find_model, read_images
from headstart.serving.http.schemas import FAILURES, REQUEST_BODY
from headstart.serving.online.explanations import CannotExplainError, Drawing, Explanations
from headstart.serving.online.models import ServedModel
from headstart.serving.online.service import BusyError, OnlineService

_PNG: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        "description": "The image with the map over it",
        "headers": {
            "X-Headstart-Label": {"description": "The class, percent-encoded UTF-8"},
            "X-Headstart-Method": {"description": "gradients, or occlusion where there are none"},
            "X-Headstart-Version": {"description": "Of the model"},
        },
    }
}


def add_explain(
    app: FastAPI,
    service: OnlineService,
    explanations: Explanations,
    config: ServeConfig,
    metrics: Metrics,
) -> None:
    """Add the route."""

    @app.post(
        "/v1/explain",
        response_class=Response,
        responses={**_PNG, **FAILURES},
        openapi_extra=REQUEST_BODY,
        summary="Draw what an answer rests on",
    )
    async def explain_image(
        request: Request, model: str | None = None, label: str | None = None
    ) -> Response:
        """Send one image, and a class to ask about another than the predicted one.

        curl -F files=@a.jpg -F label=glass http://127.0.0.1:8000/v1/explain -o why.png
        """
        if service.load.is_full:  # said before the body is read
            raise busy("too many images are in work")
        try:
            with service.load.holding() as count:
                form = await read_images(request, config, count)
                served = find_model(service, form.fields.get("model", model))
                image = _only(form.files)
                wanted = form.fields.get("label", label)
                drawing = await _drawn(explanations, served, image, wanted)
        except BusyError as error:
            raise busy(str(error)) from None
        metrics.count("maps_total", model=served.name, method=drawing.method)
        request.scope["state"]["noted"] = {"model": served.name, "method": drawing.method}
        return _answer(drawing, served)


def _only(files: tuple[bytes, ...]) -> bytes:
    if len(files) > 1:
        raise RequestFailure(400, "several_images", "one image is explained at a time")
    return files[0]


async def _drawn(
    explanations: Explanations, model: ServedModel, image: bytes, label: str | None
) -> Drawing:
    problem = "not_an_image"
    try:
        image_format(image)
        problem = "unreadable_image"
        return await explanations.draw(model, image, label=label)
    except BadImageError as error:
        raise RequestFailure(STATUS_OF[problem], problem, str(error)) from None
    except UnknownNameError as error:
        raise RequestFailure(404, "unknown_class", str(error)) from None
    except CannotExplainError as error:
        raise RequestFailure(422, "cannot_explain", str(error)) from None


def _answer(drawing: Drawing, model: ServedModel) -> Response:
    headers = {
        "X-Headstart-Label": quote(drawing.label),
        "X-Headstart-Method": drawing.method,
        "X-Headstart-Version": model.version,
        "Cache-Control": "no-store",
    }
    return Response(drawing.png, media_type="image/png", headers=headers)
