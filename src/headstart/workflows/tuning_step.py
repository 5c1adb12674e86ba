"""The step of a run that fine-tunes, and keeps what is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headstart.config import TrainConfig
from headstart.progress import Progress
from headstart.workflows.contest import words_of
from headstart.workflows.featured_data import Candidate
from headstart.workflows.fine_tuning import TuningJob


def fine_tune(
    probe: Candidate,
    config: TrainConfig,
    *,
    folder: Path,
    progress: Progress,
    elapsed_s: float = 0.0,
) -> Candidate:
    """Return what is to be judged: the fine-tuned network where it wins, else the probe.

    Args:
        probe: The fitted head on the pretrained network.
        config: The run's settings.
        folder: The run's, for checkpoints.
        progress: Who is told.
        elapsed_s: How long the run has taken up to now.

    Raises:
        ConfigError: Settings that make no sense for this network.
        DataError: There is no validation image to go by.
        TrainingError: The loss is no longer a number.
    """
    job = TuningJob(config, probe.featuriser, folder, progress, elapsed_s=elapsed_s)
    featured, geometry = probe.featured, probe.geometry
    data = featured.tuning_data(geometry)
    outcome = job.run(data)
    if outcome.tuned is None:
        return _with_notes(probe, *outcome.plan.reasons)
    network = probe.featuriser.with_graph(outcome.tuned.graph)
    validated = featured.featured_by(network, "val", geometry)
    contest, better = job.compare(outcome, probe.fit, validated.features, data)
    words = words_of(contest)
    progress.say(words)
    if not contest.wins:
        return _with_notes(probe, *outcome.plan.reasons, words)
    tested = validated.featured_by(network, "test", geometry)
    return Candidate(network, tested, better, geometry, learned_from=("train",), kept="fine-tuned")


def _with_notes(probe: Candidate, *notes: str) -> Candidate:
    return replace(probe, fit=replace(probe.fit, notes=(*probe.fit.notes, *notes)))
