"""Finished runs joined: chosen on held-out answers, judged once, one bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.bundle import load_bundle
from headstart.bundle.sealing import copy_changed
from headstart.cli.runs_table import run_lines, runs_lines
from headstart.config import TrainConfig, build_config
from headstart.errors import ConfigError, DataError, HeadstartError
from headstart.evaluation.calibration import softmax
from headstart.files import write_csv
from headstart.serving.predictor import load
from headstart.workflows.ensemble import ensemble
from headstart.workflows.runs import RunList, list_runs
from headstart.workflows.stored_answers import read_answers
from headstart.workflows.stored_run import read_run
from headstart.workflows.train import train

CLASSES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def other(finished: Any, config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second run on the same images, with another head; not to be changed."""
    out = tmp_path_factory.mktemp("other") / "run"
    settings = config.model_dump()
    settings["head"] = {"name": "linear", "taps": "final"}
    train(finished.photos, config=build_config(settings), out=out, cache=finished.cache)
    return out


def write_held_out(run: Path, *, seed: int, noise: float = 0.7, n: int = 300) -> Path:
    """Give a run held-out answers to other images: right through noise of its own."""
    targets = np.random.default_rng(0).integers(3, size=n)
    draws = np.random.default_rng(seed).normal(size=(n, 3))
    shares = softmax((np.eye(3)[targets] + noise * draws) / noise**2)
    facts = ["path", "true_label", "label", "confidence", "status", "error", "digest"]
    rows = [
        [f"{row}.png", CLASSES[targets[row]], CLASSES[said.argmax()], said.max(), "ok", "", row]
        + [f"{share:.6f}" for share in said]
        for row, said in enumerate(shares)
    ]
    write_csv(run / "validation.csv", [*facts, *map("prob_{}".format, CLASSES)], rows)
    return run


@pytest.fixture
def runs(finished: Any, other: Path, tmp_path: Path) -> list[Path]:
    """Two runs whose held-out answers are right on different images."""
    places = [tmp_path / "one", tmp_path / "two"]
    for seed, source in enumerate((finished.result.folder, other)):
        write_held_out(Path(shutil.copytree(source, places[seed])), seed=seed + 1)
    return places


@pytest.fixture(scope="module")
def joined(finished: Any, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An ensemble of two real runs, whether it wins or not."""
    out = tmp_path_factory.mktemp("joined") / "both"
    return ensemble([finished.result.folder, other], out=out, method="average", anyway=True)


def test_the_bundle_answers_as_its_members_together(
    joined: Any, finished: Any, other: Path
) -> None:
    photos = sorted(finished.photos.rglob("*.png"))[::5]
    members = [load(run, precision="f32") for run in (finished.result.folder, other)]
    shares = np.stack([member.predict_proba(photos) for member in members])
    deployed = load(joined.folder, precision="f32").predict_proba(photos)
    np.testing.assert_allclose(deployed, joined.pool.probabilities(shares), atol=2e-3)
    assert load_bundle(joined.folder).info.parity[0].largest_difference < 0.02


def test_members_on_one_backbone_share_its_weights(joined: Any, finished: Any) -> None:
    sizes = [
        (Path(run) / "bundle" / "weights.safetensors").stat().st_size
        for run in (joined.folder, finished.result.folder)
    ]
    assert sizes[0] < 1.8 * sizes[1]


def test_it_is_laid_out_as_a_run(joined: Any) -> None:
    run = read_run(joined.folder)
    answers = read_answers(joined.folder)
    right = np.mean(np.array(answers.said) == np.array(answers.labels))
    assert run.metrics["accuracy"].value == pytest.approx(right)
    assert run.n == len(answers) == joined.test.n
    assert (run.kind, run.head, run.members) == ("ensemble", "ensemble", joined.members)
    (found,) = list_runs(joined.folder).runs
    text = "\n".join((*run_lines(found), *runs_lines(RunList((found,), (), 0))))
    assert "(ensemble)" in text
    assert f"members   {', '.join(joined.members)}" in text
    assert run.validation["accuracy"].value == pytest.approx(joined.contest.accuracies[0])
    about = json.loads((joined.folder / "metrics.json").read_text())["ensemble"]
    assert list(about["weights"].values()) == [0.5, 0.5]


def test_what_wins_on_held_out_answers_is_written(runs: list[Path], tmp_path: Path) -> None:
    result = ensemble(runs, out=tmp_path / "both")
    assert result.won
    assert result.folder == tmp_path / "both"
    assert result.contest.accuracies[0] > result.contest.accuracies[1]
    assert result.pool.method == "stacked"
    assert load_bundle(result.folder).info.temperature == result.pool.temperature


def test_what_does_not_win_is_not_written_nor_judged(runs: list[Path], tmp_path: Path) -> None:
    shutil.copyfile(runs[0] / "validation.csv", runs[1] / "validation.csv")
    result = ensemble(runs, out=tmp_path / "both", method="average")
    assert not result.won
    assert result.folder is None
    assert result.test is None
    assert sorted(tmp_path.iterdir()) == sorted(runs)


def test_the_test_answers_have_no_part_in_the_choice(runs: list[Path], tmp_path: Path) -> None:
    shutil.copyfile(runs[0] / "validation.csv", runs[1] / "validation.csv")
    first = ensemble(runs, out=tmp_path / "a", method="stacked")
    lines = (runs[0] / "predictions.csv").read_text().splitlines()
    for run in runs:
        (run / "predictions.csv").write_text("\n".join(lines[:3]) + "\n")
    second = ensemble(runs, out=tmp_path / "b", method="stacked")
    assert first.pool.weights.tolist() == second.pool.weights.tolist()
    assert first.contest == second.contest


def _twice(runs: list[Path]) -> None:
    runs[1] = runs[0]


def _alone(runs: list[Path]) -> None:
    del runs[1]


def _moved(runs: list[Path]) -> None:
    split = (runs[1] / "split.csv").read_text().replace(",val", ",train", 1)
    (runs[1] / "split.csv").write_text(split)


def _bundled(**changes: Any) -> Callable[[list[Path]], None]:
    def change(runs: list[Path]) -> None:
        bundle = load_bundle(runs[1])
        known = {"geometry": bundle.info.geometry.model_copy(update=changes.get("geometry", {}))}
        copy_changed(bundle, runs[1] / "new", {**changes, **known, "training_priors": None})
        shutil.rmtree(runs[1] / "bundle")
        (runs[1] / "new").rename(runs[1] / "bundle")

    return change


def _forgotten(runs: list[Path]) -> None:
    (runs[1] / "validation.csv").unlink()


def _judged_otherwise(runs: list[Path]) -> None:
    lines = (runs[1] / "predictions.csv").read_text().splitlines()
    (runs[1] / "predictions.csv").write_text("\n".join(lines[:-1]) + "\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_twice, "is given twice"),
        (_alone, "expected two"),
        (_moved, r"1 images differ, such as .*\(val as .* there, train as .* here\)"),
        (_bundled(classes=("cat", "dog", "fox")), "only one of them has eel, fox"),
        (_bundled(geometry={"mode": "squash"}), "--set data.geometry=pad|mode is squash"),
        (_forgotten, "has no validation.csv"),
        (_judged_otherwise, "not the same test images"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    runs: list[Path], tmp_path: Path, change: Callable[[list[Path]], None], words: str
) -> None:
    if "mode is" in words and load_bundle(runs[0]).info.geometry.mode == "squash":
        change, words = _bundled(geometry={"mode": "pad"}), "--set data.geometry=squash"
    change(runs)
    with pytest.raises(HeadstartError, match=words):
        ensemble(runs, out=tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_images_that_have_moved_are_asked_for(runs: list[Path], tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    shutil.copytree(runs[0], strange / "cat")  # a folder without one of the images
    with pytest.raises(DataError):
        ensemble(runs, out=tmp_path / "both", data=strange)
    assert not (tmp_path / "both").exists()


def test_an_unknown_method_and_a_taken_folder_are_refused(runs: list[Path]) -> None:
    with pytest.raises(ConfigError, match="average, weighted, stacked"):
        ensemble(runs, out="both", method="voting")
    with pytest.raises(ConfigError, match="never overwritten"):
        ensemble(runs, out=runs[0])


def test_views_of_one_run_are_joined_in_its_graph(finished: Any, tmp_path: Path) -> None:
    run = finished.result.folder
    result = ensemble(
        [run],
        out=tmp_path / "views",
        views=["mirror"],
        method="average",
        anyway=True,
        cache=finished.cache,
    )
    assert (result.members, result.best) == (("plain", "mirror"), "plain")
    assert result.contest.figures.endswith(f"{result.contest.images} held-out images")
    assert result.contest.images == len(_rows(run, "val"))
    photos = [finished.photos / path for path in _rows(run, "test")]
    pixels = [np.asarray(Image.open(photo)) for photo in photos]
    own = load(run, precision="f32")
    shares = np.stack([own.predict_proba(pixels), own.predict_proba([p[:, ::-1] for p in pixels])])
    deployed = load(result.folder, precision="f32").predict_proba(pixels)
    np.testing.assert_allclose(deployed, result.pool.probabilities(shares), atol=0.01)
    assert read_answers(result.folder).paths == tuple(_rows(run, "test"))


def test_views_are_not_judged_on_images_that_came_since(finished: Any, tmp_path: Path) -> None:
    photos = Path(shutil.copytree(finished.photos, tmp_path / "photos"))
    cat = next((photos / "cat").iterdir())
    Image.open(cat).transpose(Image.Transpose.ROTATE_90).save(photos / "cat" / "new.png")
    with pytest.raises(DataError, match="1 images are new"):
        ensemble([finished.result.folder], out=tmp_path / "out", views=["mirror"], data=photos)
    run = Path(shutil.copytree(finished.result.folder, tmp_path / "run"))
    text = (run / "split.csv").read_text().replace(",val", ",TRAIN").replace(",train", ",val")
    (run / "split.csv").write_text(text.replace(",TRAIN", ",train"))
    with pytest.raises(DataError, match="in another split"):
        ensemble([run], out=tmp_path / "out", views=["mirror"], cache=finished.cache)


def test_views_are_of_one_run_and_have_names(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="views are of one run"):
        ensemble(runs, out=tmp_path / "views", views=["mirror"])
    with pytest.raises(HeadstartError, match="did you mean mirror"):
        ensemble(runs[:1], out=tmp_path / "views", views=["miror"])


def _rows(run: Path, split: str) -> list[str]:
    lines = (run / "split.csv").read_text().splitlines()[1:]
    return [line.split(",")[0] for line in lines if line.endswith(f",{split}")]
