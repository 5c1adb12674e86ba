"""Judgement of a classifier: figures with intervals, calibration, confusion."""

from headstart.evaluation.calibration import ReliabilityBin, fit_temperature, softmax
from headstart.evaluation.intervals import Estimate, wilson
from headstart.evaluation.judgement import ClassScore, Judgement, judge, restore_judgement

__all__ = [
    "ClassScore",
    "Estimate",
    "Judgement",
    "ReliabilityBin",
    "fit_temperature",
    "judge",
    "restore_judgement",
    "softmax",
    "wilson",
]
