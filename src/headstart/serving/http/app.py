"""The application: its routes, and nothing of what they do inside."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from headstart import __version__
from headstart.config.serving import ServeConfig
from headstart.serving.http.explaining import add_explain
from headstart.serving.http.failures import RequestFailure
from headstart.serving.http.gate import Gate
from headstart.serving.http.guard import Guard
from headstart.serving.http.metrics import CONTENT_TYPE, Metrics
from headstart.serving.http.pages import FILES, add_pages
from headstart.serving.http.predicting import predict
from headstart.serving.http.reloading import reloading
from headstart.serving.http.run_pages import REPORT_PATH, RunShelf, add_runs
from headstart.serving.http.schemas import (
    FAILURES,
    PREDICT_EXAMPLE,
    REQUEST_BODY,
    Limits,
    ModelAnswer,
    ModelsAnswer,
    PredictAnswer,
)
from headstart.serving.http.shortcut import Answering, Shortcut
from headstart.serving.online.explanations import Explanations
from headstart.serving.online.models import ServedModel
from headstart.serving.online.service import OnlineService

ROUTES: Final = {
    **dict.fromkeys(FILES, "page"),
    REPORT_PATH: "report",
    "/v1/predict": "predict",
    "/v1/explain": "explain",
    "/v1/runs": "runs",
    "/v1/models": "models",
    "/healthz": "healthz",
    "/readyz": "readyz",
    "/metrics": "metrics",
    "/openapi.json": "openapi",
}


def build_app(
    service: OnlineService,
    config: ServeConfig,
    metrics: Metrics,
    *,
    runs: RunShelf | None = None,
) -> ASGIApp:
    """Return the service as an ASGI application.

    Args:
        service: With its models loaded; the application waits for its processes and ends them.
        config: Limits, token, names.
        metrics: Where what happens is counted.
        runs: Folder of runs to show.
    """
    explanations = Explanations(service, config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.wait_ready()
        async with reloading(service.models, every_s=config.reload_s, metrics=metrics):
            yield
        explanations.close()
        service.close()

    app = FastAPI(
        title="headstart",
        version=__version__,
        summary="Images in, calibrated classes out.",
        lifespan=lifespan,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
    )
    predicting = _predicting(service, config, metrics)
    _add_predict(app, predicting)
    add_explain(app, service, explanations, config, metrics)
    _add_about(app, service, config)
    add_pages(app)
    add_runs(app, runs)
    _add_probes(app, service, metrics)
    app.add_exception_handler(RequestFailure, _failed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)
    direct = Shortcut(app, {("POST", "/v1/predict"): predicting})
    return Gate(direct, guard=Guard(config), metrics=metrics, routes=ROUTES)


def _add_predict(app: FastAPI, answering: Answering) -> None:
    @app.post(
        "/v1/predict",
        response_model=PredictAnswer,
        responses={
            200: {"content": {"application/json": {"example": PREDICT_EXAMPLE}}},
            **FAILURES,
        },
        openapi_extra=REQUEST_BODY,
        summary="Classify one or several images",
    )
    async def predict_images(request: Request, model: str | None = None) -> Response:
        """Send a form with files, or one image as the body.

        curl -F files=@a.jpg -F files=@b.png http://127.0.0.1:8000/v1/predict
        """
        return await answering(request)


def _predicting(service: OnlineService, config: ServeConfig, metrics: Metrics) -> Answering:
    async def answering(request: Request) -> Response:
        model = request.query_params.get("model")
        answer = await predict(request, service, config, metrics, model=model)
        return Response(json.dumps(answer), media_type="application/json")

    return answering


def _add_about(app: FastAPI, service: OnlineService, config: ServeConfig) -> None:
    limits = Limits(
        files=config.max_files,
        body_bytes=config.max_body_mb * 1_000_000,
        pixels=config.max_pixels,
    )

    @app.get("/v1/models", response_model=ModelsAnswer, summary="Which models are served")
    async def models() -> Response:
        listed = [_about(model) for model in service.models.models.values()]
        return JSONResponse(ModelsAnswer(models=listed, limits=limits).model_dump())


def _add_probes(app: FastAPI, service: OnlineService, metrics: Metrics) -> None:
    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Whether the service lives", response_class=PlainTextResponse)
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", summary="Whether requests are welcome", response_class=PlainTextResponse)
    async def readyz() -> Response:
        if service.is_ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", status_code=503)

    @app.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    async def figures() -> Response:
        gauges = {
            "ready": float(service.is_ready),
            "images_in_work": float(service.load.images),
            "request_bytes_held": float(service.load.memory),
            "decoders_lost": float(service.decoders.lost),
        }
        return Response(metrics.text(gauges), media_type=CONTENT_TYPE)


def _about(model: ServedModel) -> ModelAnswer:
    info = model.bundle.info
    return ModelAnswer(
        name=model.name,
        version=model.version,
        classes=list(info.classes),
        backbone=info.provenance.backbone,
        created=info.provenance.created,
        precision=model.queue.precision,
        image_size_px=info.geometry.size_px,
        threshold=model.rule.threshold,
        decision=info.decision.model_dump() if info.decision else None,
        test=info.test,
    )


def _answer(request: Request, failure: RequestFailure) -> Response:
    body = failure.body(request.scope["state"]["request_id"])
    return JSONResponse(body, status_code=failure.status, headers=failure.headers)


async def _failed(request: Request, error: Any) -> Response:
    return _answer(request, error)


async def _refused(request: Request, error: Any) -> Response:
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    failure = RequestFailure(
        error.status_code, code, str(error.detail), headers=dict(error.headers or {})
    )
    return _answer(request, failure)


async def _broken(request: Request, _: Exception) -> Response:
    return _answer(request, RequestFailure(500, "internal", "a mistake of the service's"))
