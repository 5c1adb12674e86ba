"""headstart: from a folder of images to a judged, deployable classifier.

Every name below is imported on first use, so ``import headstart`` costs
milliseconds and the training libraries are touched only by what trains.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "HeadstartError": "headstart.errors",
    "ImageClassifier": "headstart.estimator",
    "TrainConfig": "headstart.config",
    "benchmark": "headstart.workflows.benchmark",
    "check": "headstart.workflows.check",
    "compare": "headstart.workflows.compare",
    "ensemble": "headstart.workflows.ensemble",
    "evaluate": "headstart.workflows.evaluate",
    "learning_curve": "headstart.workflows.learning_curve",
    "load": "headstart.serving.predictor",
    "lr_find": "headstart.workflows.lr_find",
    "predict": "headstart.workflows.predict",
    "rank": "headstart.workflows.rank",
    "train": "headstart.workflows.train",
    "tune": "headstart.workflows.tune",
}

__all__ = [
    "HeadstartError",
    "ImageClassifier",
    "TrainConfig",
    "benchmark",
    "check",
    "compare",
    "ensemble",
    "evaluate",
    "learning_curve",
    "load",
    "lr_find",
    "predict",
    "rank",
    "train",
    "tune",
]

if TYPE_CHECKING:
    from headstart.config import TrainConfig
    from headstart.errors import HeadstartError
    from headstart.estimator import ImageClassifier
    from headstart.serving.predictor import load
    from headstart.workflows.benchmark import benchmark
    from headstart.workflows.check import check
    from headstart.workflows.compare import compare
    from headstart.workflows.ensemble import ensemble
    from headstart.workflows.evaluate import evaluate
    from headstart.workflows.learning_curve import learning_curve
    from headstart.workflows.lr_find import lr_find
    from headstart.workflows.predict import predict
    from headstart.workflows.rank import rank
    from headstart.workflows.train import train
    from headstart.workflows.tune import tune


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'headstart' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        from headstart.errors import missing_extra

        raise (missing_extra(error, what=f"headstart.{name}") or error) from error


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
