"""Runs in lines of at most 100 characters, where names allow it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

from headstart.cli.compare_table import cut
from headstart.errors import listed
from headstart.evaluation import Estimate
from headstart.workflows.runs import RunList, flat_run
from headstart.workflows.stored_run import StoredRun

WIDTH: Final = 100
_NAME, _DATA, _BACKBONE, _HEAD = 17, 9, 19, 13
_HEAD_KEPT: Final = "the head on the pretrained network was kept, no fine-tuned one"
_KINDS: Final = {"ensemble": " (ensemble)", "evaluate": " (evaluation of a bundle)"}
_COLUMNS: Final = (
    *("name", "kind", "created", "data", "backbone", "head", "strategy", "kept", "recipe", "n"),
)


def runs_lines(found: RunList) -> Iterator[str]:
    """Yield a table of runs, and what was left out of it."""
    if found.runs:
        yield (
            f"{'run':<{_NAME}}{'when':<12}{'data':<{_DATA}}{'backbone':<{_BACKBONE}}"
            f"{'head':<{_HEAD}}{'accuracy, %':<19}{'F1':>6}{'s':>5}"
        )
    for run in found.runs:
        yield _row(run)
    if not found.runs:
        yield "no runs" if not found.hidden else "no run is as the filters want it"
    yield from _footnotes(found)


def run_lines(run: StoredRun) -> Iterator[str]:
    """Yield all there is to say on one run."""
    yield f"{run.name}: {run.folder}" + _KINDS.get(run.kind, "")
    facts = {
        "members": ", ".join(run.members),
        "made": _local(run.created, "%Y-%m-%d %H:%M:%S UTC%:z"),
        "data": run.data,
        "backbone": run.backbone,
        "head": run.head,
        "strategy": _strategy(run),
        "recipe": run.recipe,
        "seconds": "" if run.seconds is None else f"{run.seconds:.1f}",
        "report": run.report or "",
        "bundle": run.bundle or "",
    }
    for name, value in facts.items():
        if value:
            yield f"  {name:<10}{value}"
    yield f"{run.n:,} test images, value [interval]:"
    for name, estimate in run.metrics.items():
        yield f"  {name:<18}{estimate}"
    for note in run.notes:
        yield from textwrap.wrap(f"note: {note}", WIDTH, subsequent_indent="  ")
    changed = dict(_changed(run.config))
    if changed:
        told = listed((f"{key}={value}" for key, value in changed.items()), limit=40)
        yield from textwrap.wrap(
            f"settings other than the defaults: {told}", WIDTH, subsequent_indent="  "
        )


def runs_csv(found: RunList) -> tuple[list[str], list[list[object]]]:
    """Return a row a run: columns, figures with their ends, seconds."""
    metrics = list(dict.fromkeys(name for run in found.runs for name in run.metrics))
    ends = [f"{name}{end}" for name in metrics for end in ("", "_low", "_high")]
    rows = []
    for run in found.runs:
        flat = flat_run(run)
        figures = [cell for name in metrics for cell in _cells(run.metrics.get(name))]
        rows.append([*(flat[name] for name in _COLUMNS), *figures, run.seconds, str(run.folder)])
    return [*_COLUMNS, *ends, "seconds", "folder"], rows


def _row(run: StoredRun) -> str:
    seconds = "-" if run.seconds is None else f"{run.seconds:.0f}"
    f1 = run.metrics.get("f1_macro")
    return (
        f"{cut(run.name, _NAME - 1):<{_NAME}}{_local(run.created, '%m-%d %H:%M') or '-':<12}"
        f"{cut(PurePath(run.data).name or '-', _DATA - 1):<{_DATA}}"
        f"{cut(run.backbone or '-', _BACKBONE - 1):<{_BACKBONE}}"
        f"{cut(_trained(run) or '-', _HEAD - 1):<{_HEAD}}"
        f"{_accuracy(run.metrics.get('accuracy')):<19}"
        f"{'-' if f1 is None else f'{100 * f1.value:.1f}':>6}{seconds:>5}"
    )


def _trained(run: StoredRun) -> str:
    """Return what has the figures: a head, after a plus if its network was trained too."""
    return f"{run.strategy}+{run.head}" if run.kept == "fine-tuned" else run.head


def _local(created: str, form: str) -> str:
    """Return a time as the user's clock showed it; as it is written where it is no time."""
    try:
        then = datetime.fromisoformat(created).astimezone()
    except ValueError:
        return created
    offset = then.strftime("%z")
    return then.strftime(form.replace("%:z", f"{offset[:3]}:{offset[3:5]}"))


def _strategy(run: StoredRun) -> str:
    """Return how a run was to be trained, and which of its two candidates has the figures."""
    if run.strategy in ("", "probe"):
        return run.strategy
    won = {"fine-tuned": "the fine-tuned network won", "probe": _HEAD_KEPT}.get(run.kept)
    return f"{run.strategy}: {won}" if won else f"{run.strategy}: which won was not recorded"


def _accuracy(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:.1f} [{low:.1f}, {high:.1f}]"


def _told_tuned(found: RunList) -> Iterator[str]:
    """Yield what the head column leaves open about fine-tuning."""
    tuned = [run for run in found.runs if run.strategy not in ("", "probe")]
    won = [run for run in tuned if run.kept == "fine-tuned"]
    if won:
        yield (
            f"{_trained(won[0])}: the network was fine-tuned ({won[0].strategy}), and won against "
            "the head alone"
        )
    lost = listed((run.name for run in tuned if run.kept == "probe"), limit=6)
    if lost:
        text = f"the head alone was kept, fine-tuning lost or was not worth a try: {lost}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _footnotes(found: RunList) -> Iterator[str]:
    yield from _told_tuned(found)
    for run in found.runs:
        if run.members:
            text = f"{run.name}: ensemble of {listed(run.members, limit=8)}"
            yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    if found.hidden:
        yield f"{found.hidden} more that the filters leave out"
    for broken in found.broken:
        text = f"left out: {broken.folder}: {broken.reason}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _cells(estimate: Estimate | None) -> list[object]:
    if estimate is None:
        return ["", "", ""]
    return [f"{value:.6g}" for value in (estimate.value, estimate.low, estimate.high)]


def _changed(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that are not what they would be by themselves."""
    from headstart.config import TrainConfig

    defaults = dict(_leaves(TrainConfig().model_dump(mode="json")))
    for key, value in _leaves(config):
        if value != defaults.get(key):
            yield key, value


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
