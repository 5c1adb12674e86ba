from __future__ import annotations

import errno
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import ConfigError, HeadstartError, StorageError
from headstart.progress import Silent
from headstart.serving.predictor import Predictor, load
from headstart.workflows import partial
from headstart.workflows import predict_batch as module
from headstart.workflows.predict import predict
from headstart.workflows.predict_batch import predict_batch

ENDINGS = ("csv", "parquet", "jsonl")
IMAGES = 20


class Stopping(Silent):
    """Asks for ``wanted`` rows, then does what is to be done."""

    def __init__(self, wanted: int, then: Callable[[], None]) -> None:
        self.wanted, self.then, self.said = wanted, then, ""

    def track(self, items: Any, *, total: int, task: str, unit: str) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == self.wanted:
                self.then()
            yield item

    def say(self, message: str) -> None:
        self.said += message


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def predictor(small_bundle: Path) -> Predictor:
    return load(small_bundle, precision="f32")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, image_folder: Any) -> Path:
    root: Path = image_folder(tmp_path_factory.mktemp("many") / "photos", "a", "b", per_class=9)
    (root / "a" / "bad.png").write_bytes(b"no image")
    (root / "b" / "0.5.png").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def whole(predictor: Predictor, photos: Path, tmp_path_factory: Any) -> dict[str, bytes]:
    """What is written where nothing stops it."""
    folder = tmp_path_factory.mktemp("whole")
    for ending in ENDINGS:
        predict_batch(predictor, [photos], out=folder / f"t.{ending}", probabilities=True)
    return {ending: (folder / f"t.{ending}").read_bytes() for ending in ENDINGS}


@pytest.fixture
def always_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAFE_EVERY_S", 0.0)


def test_a_row_for_every_image_in_order_bad_ones_too(
    predictor: Predictor, photos: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    held = predict(predictor, [photos], out=tmp_path / "held.csv", probabilities=True)
    result = predict_batch(predictor, [photos], out=tmp_path / "t.csv", probabilities=True)
    assert (result.images, result.errors, result.kept) == (IMAGES, 2, 0)
    assert (tmp_path / "t.csv").read_bytes() == whole["csv"]
    assert (tmp_path / "held.csv").read_bytes() == whole["csv"]
    lines = whole["csv"].decode().split("\n")
    assert [line.split(",")[0] for line in lines[1:-1]] == [one.path for one in held]
    assert [one.status for one in held].count("error") == 2


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_one_goes_on_and_nothing_is_done_twice(
    predictor: Predictor, photos: Path, whole: dict[str, bytes], tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"t.{ending}"
    stopping = Stopping(7, interrupt)
    with pytest.raises(KeyboardInterrupt):
        predict_batch(predictor, [photos], out=out, probabilities=True, progress=stopping)
    assert "7 of 20 rows are kept" in stopping.said
    assert [path.name for path in tmp_path.iterdir()] == [f"t.{ending}.partial"]
    seen = Stopping(99, interrupt)
    result = predict_batch(predictor, [photos], out=out, probabilities=True, progress=seen)
    assert (result.images, result.kept, result.errors) == (IMAGES, 7, 2)
    assert "going on behind the 7 rows" in seen.said
    assert list(tmp_path.iterdir()) == [out]
    if ending != "parquet":
        assert out.read_bytes() == whole[ending]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [1, 11])
def test_a_killed_one_goes_on_from_what_is_safe(
    predictor: Predictor,
    photos: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    always_safe: None,
    ending: str,
    rows: int,
) -> None:
    partial = tmp_path / f"t.{ending}.partial"

    def kill() -> None:
        shutil.copytree(partial, tmp_path / "at the kill")

    stopping = Stopping(rows, kill)
    out = tmp_path / f"t.{ending}"
    predict_batch(predictor, [photos], out=out, probabilities=True, progress=stopping)
    out.unlink()
    (tmp_path / "at the kill").rename(partial)
    for torn in partial.iterdir():
        if torn.name in {"rows", "journal.jsonl"}:
            torn.write_bytes(torn.read_bytes() + b'{"rows": 1')
    result = predict_batch(predictor, [photos], out=out, probabilities=True)
    assert (result.images, result.kept, result.errors) == (IMAGES, rows, 2)
    if ending != "parquet":
        assert out.read_bytes() == whole[ending]


@pytest.fixture
def stopped(predictor: Predictor, photos: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the images, and an output of which five rows are written."""
    images = Path(shutil.copytree(photos, tmp_path / "photos"))
    out = tmp_path / "t.csv"
    with pytest.raises(KeyboardInterrupt):
        predict_batch(predictor, [images], out=out, progress=Stopping(5, interrupt))
    return images, out


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda images: change(images / "a" / "1.png"),
        lambda images: os.utime(images / "a" / "1.png", (1, 1)),
        lambda images: (images / "a" / "1.png").unlink(),
        lambda images: shutil.copy(images / "a" / "1.png", images / "a" / "0a.png"),
    ],
    ids=["content", "time", "removed", "added"],
)
def test_rows_of_other_images_are_not_kept(
    predictor: Predictor, stopped: tuple[Path, Path], spoil: Callable[[Path], object]
) -> None:
    images, out = stopped
    spoil(images)
    with pytest.raises(ConfigError, match=r"changed, added or removed since.*--restart"):
        predict_batch(predictor, [images], out=out)
    assert out.with_name("t.csv.partial").is_dir()


def test_images_that_follow_do_not_matter(
    predictor: Predictor, stopped: tuple[Path, Path], photos: Path
) -> None:
    images, out = stopped
    shutil.copy(photos / "a" / "1.png", images / "zebra.png")
    result = predict_batch(predictor, [images], out=out)
    assert (result.images, result.kept) == (IMAGES + 1, 5)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"top_k": 2}, "columns"),
        ({"answer_all": True, "costs": "class 1=5"}, "costs"),
        ({"precision": "bf16"}, "precision"),
        ({"bundle": True}, "bundle"),
    ],
    ids=lambda it: str(it),
)
def test_rows_of_another_bundle_or_setting_are_not_mixed(
    predictor: Predictor,
    stopped: tuple[Path, Path],
    tmp_path: Path,
    write_bundle: Any,
    random_head: Any,
    changed: dict[str, Any],
    named: str,
) -> None:
    images, out = stopped
    asked: Predictor = predictor
    if changed.pop("bundle", False):
        write_bundle(tmp_path / "other", random_head("blocks.2/mean", "blocks.2/std", classes=4))
        asked = load(tmp_path / "other", precision="f32")
    if "precision" in changed:
        asked = load(predictor.bundle.folder, precision=changed.pop("precision"))
    with pytest.raises(ConfigError, match=rf"another [^,]*\b{named}.*--restart"):
        predict_batch(asked, [images], out=out, **changed)
    result = predict_batch(asked, [images], out=out, restart=True, **changed)
    assert (result.images, result.kept) == (IMAGES, 0)
    assert not out.with_name("t.csv.partial").exists()


def test_an_archive_that_was_replaced_is_noticed(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "a.zip"

    def pack(level: int) -> None:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as target:
            for path in sorted(photos.rglob("*.png")):
                target.write(path, path.relative_to(photos))

    pack(1)
    out = tmp_path / "t.csv"
    with pytest.raises(KeyboardInterrupt):
        predict_batch(predictor, [archive], out=out, progress=Stopping(5, interrupt))
    pack(9)
    with pytest.raises(ConfigError, match="one was changed"):
        predict_batch(predictor, [archive], out=out)


def test_two_at_once_do_not_write_one_table(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "t.csv"

    def again() -> None:
        with pytest.raises(ConfigError, match="another process is writing"):
            predict_batch(predictor, [photos], out=out)

    result = predict_batch(predictor, [photos], out=out, progress=Stopping(3, again))
    assert (result.images, result.kept) == (IMAGES, 0)


@pytest.mark.parametrize("kind", ["file", "folder", "parts", "link"])
def test_what_is_not_ours_is_left_alone(
    predictor: Predictor, photos: Path, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "t.csv.partial"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    if kind == "file":
        place.write_text("mine")
    elif kind == "folder":
        shutil.copytree(tmp_path / "own", place)
    elif kind == "parts":  # as other tools leave them
        place.mkdir()
        (place / "part-00000000").write_text("mine")
    else:
        place.symlink_to(tmp_path / "own")
    with pytest.raises(ConfigError, match="is in the way"):
        predict_batch(predictor, [photos], out=tmp_path / "t.csv", restart=True)
    assert (tmp_path / "own" / "thesis.txt").read_text() == "mine"
    assert kind != "parts" or (place / "part-00000000").read_text() == "mine"


def test_a_link_inside_the_partial_is_not_followed(
    predictor: Predictor, stopped: tuple[Path, Path], tmp_path: Path
) -> None:
    images, out = stopped
    (tmp_path / "canary").write_text("alive")
    (tmp_path / "t.csv.partial" / "rows").unlink()
    (tmp_path / "t.csv.partial" / "rows").symlink_to(tmp_path / "canary")
    with pytest.raises(HeadstartError):
        predict_batch(predictor, [images], out=out)
    assert (tmp_path / "canary").read_text() == "alive"


def test_estimated_priors_need_all_answers_first(
    predictor: Predictor, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def decided(given: Predictor, changes: Any, stream: Any, progress: Any) -> Any:
        asked.append(changes.estimates)
        return given, list(stream(given))

    monkeypatch.setattr(module, "predict_deciding", decided)
    result = predict_batch(predictor, [photos], out=tmp_path / "t.csv", priors="estimate")
    assert (asked, result.images) == ([True], IMAGES)


def test_estimated_priors_ask_for_the_place_before_all_is_predicted(
    predictor: Predictor, stopped: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def decided(*_: Any) -> Any:
        raise AssertionError("predicted for nothing")

    monkeypatch.setattr(module, "predict_deciding", decided)
    images, out = stopped
    with pytest.raises(ConfigError, match="another priors"):
        predict_batch(predictor, [images], out=out, priors="estimate")
    assert predict_batch(predictor, [images], out=out).kept > 0


def test_where_rows_are_kept_is_said_though_the_disk_is_full(
    predictor: Predictor, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = partial.Partial.append, []

    def full(*given: Any) -> None:
        calls.append(given)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "no space")
        real(*given)

    monkeypatch.setattr(module, "_SAFE_EVERY_S", 0.0)
    monkeypatch.setattr(partial.Partial, "append", full)
    heard = Stopping(99, interrupt)
    with pytest.raises(StorageError, match="is full"):
        predict_batch(predictor, [photos], out=tmp_path / "t.csv", progress=heard)
    assert "rows are kept in" in heard.said


@pytest.mark.parametrize("length", [250, 300])
def test_a_name_that_no_disk_takes_is_refused(
    predictor: Predictor, photos: Path, tmp_path: Path, length: int
) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        predict_batch(predictor, [photos], out=tmp_path / f"{length * 'a'}.csv")


def test_a_folder_is_no_table(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        predict_batch(predictor, [photos], out=tmp_path / "t.csv")
