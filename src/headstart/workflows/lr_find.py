"""``headstart lr-find``: which learning rates fine-tuning from here can use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from headstart.config import TrainConfig, build_config, cache_dir
from headstart.config.training import PhaseConfig
from headstart.data.audit import check_rejected
from headstart.data.manifest import Manifest
from headstart.errors import ConfigError
from headstart.files import storage_errors, write_bytes, write_csv
from headstart.heads.fitting import check_head
from headstart.progress import Progress, Silent
from headstart.reporting.rate_plot import draw_rates
from headstart.training.lr_finder import RateRange
from headstart.training.rate_curve import RateCurve, Suggestions
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.fine_tuning import TuningJob
from headstart.workflows.geometry_choice import choose_geometry
from headstart.workflows.preparation import PreparedData, prepare
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.tuning_config import check_tuning, spelt_out
from headstart.workflows.tuning_data import TuningData

_SUFFIX: Final = ".png"


@dataclass(frozen=True)
class LrFindResult:
    """A finished range test.

    Attributes:
        curve: Rates and losses.
        suggestions: What each rule suggests; ``None`` where the loss never falls clearly.
        phase: What was trained, how.
        later: The phases behind it, which are not tested.
        images: Training images that could be shown.
        notes: What is worth knowing before a suggestion is used, a sentence each.
        plot: The PNG file; ``None`` where none was asked for.
        table: The CSV file: ``learning_rate,loss,smoothed``.
        timings_s: Step -> seconds.
    """

    curve: RateCurve
    suggestions: Suggestions | None
    phase: PhaseConfig
    later: tuple[PhaseConfig, ...]
    images: int
    notes: tuple[str, ...]
    plot: Path | None
    table: Path | None
    timings_s: Mapping[str, float]

    @property
    def suggestion(self) -> float | None:
        """The rate to begin with; ``None`` where the curve shows none.

        The valley's; for one-cycle, whose rate is a peak after a rise, the minimum: the
        upper end of a cycle in Smith's paper.
        """
        if self.suggestions is None:
            return None
        return self.suggestions.minimum if self.cycles else self.suggestions.valley

    @property
    def cycles(self) -> bool:
        """Whether the phase's schedule rises to its rate, and falls again."""
        return self.phase.schedule.name == "one-cycle"

    @property
    def assignment(self) -> str:
        """The setting, for ``--set``, of all phases with this one at the suggested rate."""
        phase = self.phase.model_dump(mode="json", exclude_defaults=True)
        rate = self.suggestion or self.phase.optimiser.learning_rate
        phase["optimiser"] = {**phase.get("optimiser", {}), "learning_rate": float(f"{rate:.2g}")}
        later = [it.model_dump(mode="json", exclude_defaults=True) for it in self.later]
        return f"training.phases={json.dumps([phase, *later])}"

    def to_json(self) -> dict[str, Any]:
        """Return what was found, as JSON holds it."""
        return {
            "schema": 1,
            "suggestion": self.suggestion,
            "suggestions": dict(self.suggestions.named()) if self.suggestions else None,
            "clear": self.curve.clear,
            "explodes_at": self.curve.explodes_at,
            "diverged": self.curve.diverged,
            "phase": self.phase.model_dump(mode="json"),
            "images": self.images,
            "notes": list(self.notes),
            "rates": self.curve.rates.tolist(),
            "losses": self.curve.losses.tolist(),
            "smoothed": self.curve.smoothed.tolist(),
            "timings_s": dict(self.timings_s),
        }


def lr_find(
    data: str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    train: str | None = None,
    batch_size: int | None = None,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> LrFindResult:
    """Find a learning rate: train a little at ever higher ones, and watch the loss.

    The network starts as ``headstart train`` would fine-tune it: pretrained weights, and a
    head fitted to the training images. Only training images are shown.

    Args:
        data: Folder, archive or table of labelled images.
        config: Settings that differ from the defaults. The first of ``training.phases``, or
            of the strategy's, is tested; strategy ``full`` where neither is given.
        train: What is trained, instead of the phase's: ``"last 2 stages"``.
        batch_size: Images a step, instead of the phase's; a rate belongs to its batch size.
        start: First learning rate.
        end: Last one, if the loss does not explode before.
        steps: Rates tried, one batch each.
        out: PNG file for the plot; the curve is written beside it as CSV. Replaced.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Raises:
        HeadstartError: Whatever the user can mend.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015,
    arXiv:1506.01186.
    """
    wanted = RateRange(start, end, steps)
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    settings = _with_phases(settings, train, batch_size)
    check_head(settings.head)
    check_tuning(settings)
    plot = _plot_path(out)
    place = cache_dir(cache)
    with storage_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="lr-find-", dir=place) as scratch:
            job = _LrFindJob(settings, place, Path(scratch), progress or Silent())
            return job.run(data, wanted, plot)


def _with_phases(config: TrainConfig, train: str | None, batch_size: int | None) -> TrainConfig:
    """Return the configuration with its phases spelt out, the first as it is tested."""
    training = config.training
    if training.strategy in ("probe", "auto"):
        training = training.model_copy(update={"strategy": "full"})
        config = config.model_copy(update={"training": training})
    changes = {"train": train, "batch_size": batch_size}
    given = {name: value for name, value in changes.items() if value is not None}
    config = spelt_out(config)
    first, *later = config.training.phases
    changed = {**first.model_dump(), **given}
    phase = build_config({"training": {"phases": [changed]}}).training.phases[0]
    training = config.training.model_copy(update={"phases": (phase, *later)})
    return config.model_copy(update={"training": training})


def _training_rows(prepared: PreparedData) -> tuple[list[int], Manifest, list[str]]:
    """Return the rows of the training split, their images and their digests."""
    rows = prepared.manifest.rows_in("train").tolist()
    return rows, prepared.manifest.take(rows), [prepared.digests[row] for row in rows]


def _plot_path(out: str | Path | None) -> Path | None:
    if out is None:
        return None
    path = Path(out)
    if path.suffix.lower() != _SUFFIX:
        raise ConfigError(f"--out {path}: expected a name that ends in {_SUFFIX}")
    return path


class _LrFindJob:
    """One run of :func:`lr_find`, step by step."""

    def __init__(self, config: TrainConfig, cache: Path, scratch: Path, progress: Progress) -> None:
        self._config = config
        self._cache = cache
        self._scratch = scratch
        self._progress = progress
        self._watch = Stopwatch()
        self._phase, *self._later = config.training.phases

    def run(self, data: str | Path, wanted: RateRange, plot: Path | None) -> LrFindResult:
        with self._watch.step("audit"):
            prepared = self._prepare(data)
        with self._watch.step("start"):
            tuning = self._tuning_data(prepared)
            scratch = self._scratch
            tuner = TuningJob(self._config, self._featuriser, scratch, self._progress)
            job, arithmetic = tuner.begin(tuning, [self._phase])
        images = len(tuning.manifest)
        with self._watch.step("range test"):
            curve = job.find_rates(self._phase, arithmetic, wanted)
        suggestions = curve.suggest() if curve.clear else None
        notes = tuple(self._notes(curve, suggestions, wanted, images))
        if plot is not None:
            self._write(plot, curve, suggestions)
        return LrFindResult(
            curve=curve,
            suggestions=suggestions,
            phase=self._phase,
            later=tuple(self._later),
            images=images,
            notes=notes,
            plot=plot,
            table=plot.with_suffix(".csv") if plot else None,
            timings_s=self._watch.seconds(),
        )

    def _prepare(self, data: str | Path) -> PreparedData:
        return prepare(
            data,
            self._config.data,
            seed=self._config.seed,
            cache=self._cache,
            progress=self._progress,
        )

    def _tuning_data(self, prepared: PreparedData) -> TuningData:
        """Return the training images with their features; no others are looked at."""
        self._featuriser = Featuriser(self._config, cache=self._cache, progress=self._progress)
        _ = self._featuriser.weights  # a download draws its own bar
        with self._progress.wait("building the backbone"):
            check_head(self._config.head, self._featuriser.graph.layout)
        for note in self._featuriser.notes:
            self._progress.say(note)
        rows, manifest, digests = _training_rows(prepared)
        choice = choose_geometry(manifest, digests, self._config, self._featuriser)
        self._progress.say(f"geometry: {choice.geometry.mode} ({choice.reason})")
        featured = self._featuriser.featurise(manifest, digests, choice.geometry)
        sound = prepared.without({rows[row]: bad for row, bad in featured.rejected.items()})
        check_rejected(
            sound.audit.rejected,
            prepared.counts,
            sound.manifest.class_counts(),
            allow_bad=self._config.data.allow_bad,
        )
        _, manifest, digests = _training_rows(sound)
        return TuningData(manifest, digests, featured.features, choice.geometry)

    def _notes(
        self,
        curve: RateCurve,
        suggestions: Suggestions | None,
        wanted: RateRange,
        images: int,
    ) -> Iterator[str]:
        shortage = wanted.shortage(images, self._phase.batch_size)
        if shortage:
            yield shortage
        if suggestions is None:
            yield (
                f"the loss never falls clearly (by {curve.fall:.3g}, where chance explains "
                f"{3 * curve.noise:.3g}), so no rate is suggested: the fitted head leaves little "
                f"to see in {len(curve.rates)} batches. Stay well below "
                f"{float(curve.rates[-1]):.2g}, where the test ended; a larger --batch-size and "
                "more --steps show more"
            )
        elif suggestions.disagree:
            rates = ", ".join(f"{name} {rate:.2g}" for name, rate in suggestions.named())
            yield (
                f"the suggestions disagree {suggestions.spread:.0f}-fold ({rates}): look at the "
                "plot, and try the lowest first"
            )
        if not curve.diverged:
            yield (
                f"the loss did not explode up to a rate of {wanted.end:g}: "
                "a higher --end would show where it does"
            )

    def _write(self, plot: Path, curve: RateCurve, suggestions: Suggestions | None) -> None:
        phase = self._phase
        subtitle = (
            f"training {phase.train}, {phase.optimiser.name}, batches of {phase.batch_size}; "
            f"{len(curve.rates)} steps on training images"
        )
        write_bytes(plot, draw_rates(curve, suggestions, subtitle))
        table = zip(curve.rates, curve.losses, curve.smoothed, strict=True)
        write_csv(plot.with_suffix(".csv"), ("learning_rate", "loss", "smoothed"), table)
