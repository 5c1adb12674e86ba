"""The shapes of the service's answers, for its OpenAPI description and whoever reads it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Schema):
    """What is wrong: a code that programs go by, and words."""

    code: str
    message: str


class Failure(_Schema):
    """Every answer that is no success."""

    error: Problem
    request_id: str


class ModelName(_Schema):
    """Which model answered, in which version."""

    name: str
    version: str


class ImageAnswer(_Schema):
    """What the model says of one image."""

    index: int
    """Of the image in the request, from 0."""
    status: Literal["ok", "unknown", "error"]
    decision: str | None
    """The class, ``"unknown"`` where too unsure, ``null`` for an image that cannot be read."""
    label: str | None
    """The class it would be called, also where too unsure."""
    confidence: float | None
    probabilities: dict[str, float] | None
    """Of every class, or of the most probable ones if ``top_k`` was given."""
    error: Problem | None


class Timings(_Schema):
    """Milliseconds; decoding and inference are summed over the images, with their waiting."""

    total: float
    decode: float
    inference: float


class PredictAnswer(_Schema):
    """One answer an image, in the order of the request."""

    model: ModelName
    predictions: list[ImageAnswer]
    timing_ms: Timings
    request_id: str


class ModelAnswer(_Schema):
    """A model that is served."""

    name: str
    version: str
    classes: list[str]
    backbone: str
    created: str
    precision: str
    image_size_px: int
    threshold: float
    """Answers less confident than that are ``unknown``; 0 gives all."""
    decision: dict[str, Any] | None
    """How answers are decided, and what that came to on the test split, as in the bundle."""
    test: dict[str, Any]
    """Figures on the locked test split, with intervals, as in the bundle."""


class Limits(_Schema):
    """What one request may bring."""

    files: int
    body_bytes: int
    pixels: int


class ModelsAnswer(_Schema):
    """All models that are served."""

    models: list[ModelAnswer]
    limits: Limits


PREDICT_EXAMPLE: Final = {
    "model": {"name": "waste", "version": "3f2a91c07b1d"},
    "predictions": [
        {
            "index": 0,
            "status": "ok",
            "decision": "glass",
            "label": "glass",
            "confidence": 0.94,
            "probabilities": {"glass": 0.94, "plastic": 0.06},
            "error": None,
        },
        {
            "index": 1,
            "status": "error",
            "decision": None,
            "label": None,
            "confidence": None,
            "probabilities": None,
            "error": {"code": "unreadable_image", "message": "truncated JPEG"},
        },
    ],
    "timing_ms": {"total": 11.8, "decode": 2.1, "inference": 8.9},
    "request_id": "0f8b6f0c5d5e4c53a1c7c1a8a6a4d0f2",
}

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Failure, "description": text}
    for status, text in {
        400: "No proper form, or no model named where there are several",
        401: "No token, or another",
        403: "Another site's page, or an unknown host name",
        404: "No such model, or no such class",
        408: "The body came too slowly",
        413: "Too large, too many files",
        415: "No image, by its content",
        422: "An image that cannot be decoded, or explained",
        503: "Too much in work: try again after Retry-After seconds",
    }.items()
}

REQUEST_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "One or several images as a form, or one image as the body itself.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "model": {"type": "string"},
                        "top_k": {"type": "integer", "minimum": 1},
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
