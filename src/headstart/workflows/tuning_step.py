"""The step of a run that fine-tunes, and keeps what is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headstart.config import TrainConfig
from headstart.progress import Progress
from headstart.workflows.featured_data import Candidate
from headstart.workflows.fine_tuning import TuningJob, write_epochs


def fine_tune(
    probe: Candidate, config: TrainConfig, *, folder: Path, progress: Progress
) -> Candidate:
    """Return what is to be judged: the fine-tuned network where it wins, else the probe.

    Args:
        probe: The fitted head on the pretrained network.
        config: The run's settings.
        folder: The run's, for checkpoints.
        progress: Who is told.

    Raises:
        ConfigError: Settings that make no sense for this network.
        DataError: There is no validation image to go by.
        TrainingError: The loss is no longer a number.
    """
    job = TuningJob(config, probe.featuriser, folder, progress)
    featured, geometry = probe.featured, probe.geometry
    data = featured.tuning_data(geometry)
    tuned = job.run(data)
    network = probe.featuriser.with_graph(tuned.graph)
    validated = featured.featured_by(network, "val", geometry)
    contest, better = job.compare(tuned, probe.fit, validated.features, data)
    progress.say(contest.words)
    write_epochs(folder, tuned.history)
    if not contest.tuned_wins:
        return replace(probe, fit=replace(probe.fit, notes=(*probe.fit.notes, contest.words)))
    tested = validated.featured_by(network, "test", geometry)
    return Candidate(network, tested, better, geometry, learned_from=("train",))
