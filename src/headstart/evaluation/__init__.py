"""Judgement of a classifier: figures with intervals, calibration, confusion."""

from headstart.evaluation.calibration import ReliabilityBin, fit_temperature, softmax
from headstart.evaluation.intervals import Estimate, wilson
from headstart.evaluation.judgement import ClassScore, Judgement, judge

__all__ = [
    "ClassScore",
    "Estimate",
    "Judgement",
    "ReliabilityBin",
    "fit_temperature",
    "judge",
    "softmax",
    "wilson",
]
