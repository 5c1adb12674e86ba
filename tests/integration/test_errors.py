"""A user's mistake: one paragraph that names it and its mend, exit 2, nothing left behind."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import headstart.data.listing
from headstart.errors import DataError, StorageError

Cli = Callable[..., Any]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "run"


@pytest.fixture
def refuses(
    cli: Cli, cache: Path, out: Path, small_options: list[str], leftovers: Callable[[], list[str]]
) -> Callable[..., str]:
    """``refuses(data, *options)``: train, expect a refusal, return its one paragraph."""

    def check(data: object, *options: object) -> str:
        outcome = cli("train", data, "--out", out, *small_options, *options)
        assert outcome.code == 2, outcome.err
        assert outcome.out == ""
        assert not out.exists()
        assert leftovers() == []
        assert not list(cache.rglob(".*"))
        before, said, paragraph = outcome.err.partition("headstart: ")
        assert said, before
        assert "\n\n" not in paragraph
        assert "headstart: " not in paragraph
        assert "Traceback" not in outcome.err
        return " ".join(paragraph.split())

    return check


def break_image(path: Path) -> None:
    path.write_bytes(b"not an image at all")


def truncate_image(path: Path) -> None:
    """Keep the header, which the audit reads, and lose the pixels."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def write_table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


# What is there


def test_nothing_there(refuses: Callable[..., str], tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refuses(tmp_path / "nowhere")


def test_an_empty_folder(refuses: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refuses(tmp_path / "empty")
    assert "holds no images" in message
    assert "expected FOLDER/<class>/<images>" in message


def test_one_class(refuses: Callable[..., str], tmp_path: Path, image_folder: Any) -> None:
    message = refuses(image_folder(tmp_path / "data", "cat"))
    assert "one class only, 'cat' (4 images)" in message
    assert "at least 2" in message


def test_a_class_with_one_image(refuses: Callable[..., str], photos: Path) -> None:
    for path in sorted((photos / "eel").iterdir())[1:]:
        path.unlink()
    message = refuses(photos)
    assert "eel (1 image)" in message
    assert "Add images of these classes, or remove them" in message


def test_a_folder_that_may_not_be_listed(
    refuses: Callable[..., str], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(folder: str) -> Any:
        if str(folder).endswith("dog"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return real(folder)

    monkeypatch.setattr(headstart.data.listing.os, "scandir", scandir)
    message = refuses(photos)
    assert str(photos / "dog") in message
    assert "Permission denied" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_without_permission(refuses: Callable[..., str], photos: Path) -> None:
    (photos / "dog").chmod(0)
    try:
        assert "Permission denied" in refuses(photos)
    finally:
        (photos / "dog").chmod(0o755)


def test_missing_files_of_a_table_are_all_listed(
    refuses: Callable[..., str], photos: Path, tmp_path: Path
) -> None:
    gone = [(f"photos/cat/gone{number}.png", "cat") for number in range(3)]
    rows = [("photos/cat/0.png", "cat"), ("photos/dog/0.png", "dog"), *gone]
    message = refuses(write_table(tmp_path / "table.csv", ("image_path", "label"), *rows))
    assert all(path in message for path, _ in gone)
    assert "photos/cat/0.png" not in message


def test_a_label_missing_in_a_table(
    refuses: Callable[..., str], photos: Path, tmp_path: Path
) -> None:
    rows = [("photos/cat/0.png", "cat"), ("photos/dog/0.png", "")]
    message = refuses(write_table(tmp_path / "table.csv", ("image_path", "label"), *rows))
    assert "1 row without a label (row 2" in message


def test_a_table_without_a_label_column(
    refuses: Callable[..., str], photos: Path, tmp_path: Path
) -> None:
    rows = [("photos/cat/0.png", "cat"), ("photos/dog/0.png", "dog")]
    message = refuses(write_table(tmp_path / "table.csv", ("image_path", "kind"), *rows))
    assert "label" in message
    assert "kind" in message


def test_a_label_that_the_bundle_does_not_know(
    cli: Cli, finished: Any, photos: Path, tmp_path: Path
) -> None:
    (photos / "dog").rename(photos / "dogs")
    outcome = cli("evaluate", finished.folder, photos, "--out", tmp_path / "judged")
    assert outcome.code == 2
    assert "dogs (did you mean dog?)" in outcome.err
    assert "it knows cat, dog, eel" in outcome.err
    assert not (tmp_path / "judged").exists()


# Bad files


def test_more_than_one_percent_bad_files_stop(refuses: Callable[..., str], photos: Path) -> None:
    break_image(photos / "cat" / "3.png")
    message = refuses(photos)
    assert "1 of 36 images cannot be read (cat/3.png: " in message
    assert "--allow-bad" in message


def test_an_image_truncated_after_its_header_is_bad_too(
    refuses: Callable[..., str], photos: Path
) -> None:
    truncate_image(photos / "dog" / "5.png")
    message = refuses(photos)
    assert "1 of 36 images cannot be read (dog/5.png: " in message


def test_bad_files_are_set_aside_and_named_where_that_is_allowed(
    cli: Cli, cache: Path, photos: Path, out: Path, small_options: list[str]
) -> None:
    break_image(photos / "cat" / "3.png")
    truncate_image(photos / "dog" / "5.png")
    outcome = cli("train", photos, "--out", out, "--allow-bad", *small_options)
    assert outcome.code == 0, outcome.err
    with (out / "rejected.csv").open(newline="") as stream:
        rejected = {row["path"]: row["reason"] for row in csv.DictReader(stream)}
    assert rejected.keys() == {"cat/3.png", "dog/5.png"}
    assert all(rejected.values())
    with (out / "split.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 34
    assert (photos / "cat" / "3.png").exists()


@pytest.mark.parametrize("damage", [break_image, truncate_image])
def test_a_class_that_bad_files_empty_stops_all_the_same(
    refuses: Callable[..., str], photos: Path, damage: Callable[[Path], None]
) -> None:
    for path in (photos / "eel").iterdir():
        damage(path)
    message = refuses(photos, "--allow-bad")
    assert "no readable image is left of class eel" in message


def test_a_bad_image_to_predict_is_a_row_with_its_reason(
    cli: Cli, finished: Any, photos: Path
) -> None:
    break_image(photos / "cat" / "0.png")
    outcome = cli("predict", finished.folder, photos / "cat" / "0.png", photos / "gone.png")
    assert outcome.code == 0
    bad, gone = outcome.out.splitlines()
    assert bad.startswith(f"{photos / 'cat' / '0.png'}\terror\t")
    assert gone.endswith("\terror\tthe file does not exist")


# Leaks


@pytest.fixture
def leaking(photos: Path) -> Path:
    """Photos with the user's splits, of which two share an image."""
    for path in sorted(photos.rglob("*.png")):
        split = "test" if path.stem in {"10", "11"} else "train"
        target = photos / split / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    for name in ("cat", "dog", "eel"):
        (photos / name).rmdir()
    shutil.copy(photos / "train" / "cat" / "0.png", photos / "test" / "cat" / "copy.png")
    return photos


def test_one_image_in_train_and_test_stops(refuses: Callable[..., str], leaking: Path) -> None:
    message = refuses(leaking)
    assert "1 image lies in two splits" in message
    assert "train/cat/0.png" in message
    assert "test/cat/copy.png" in message
    assert "--allow-leaks" in message


def test_leaks_that_are_allowed_are_noted(
    cli: Cli, warm_cache: Path, leaking: Path, out: Path, small_options: list[str]
) -> None:
    outcome = cli("train", leaking, "--out", out, "--allow-leaks", *small_options)
    assert outcome.code == 0, outcome.err
    assert "note: 1 images lie in two splits, which was allowed" in outcome.out
    assert "test/cat/copy.png" in outcome.out


def test_copies_under_different_labels_are_only_noted(
    cli: Cli, warm_cache: Path, leaking: Path, out: Path, small_options: list[str]
) -> None:
    (leaking / "test" / "cat" / "copy.png").rename(leaking / "test" / "dog" / "copy.png")
    outcome = cli("train", leaking, "--out", out, *small_options)
    assert outcome.code == 0, outcome.err
    assert "carry different labels in different places" in outcome.out


# Settings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--backbone", "eficientnet_lite0"], ["unknown backbone", "did you mean efficientnet_"]),
        (["--set", "head.stength=3"], ["unknown key head.stength", "did you mean head.strength?"]),
        (["--set", "training.patience=3"], ["unknown key training"]),
        (["--set", "training.epoch=3"], ["unknown key", "did you mean training.epochs?"]),
        (["--set", "training.epochs=3"], ["training.epochs", "probe", "choose --strategy"]),
        (["--lr", "0.1", "--strategy", "auto"], ["training.learning_rate", "auto"]),
        (["--set", "seed"], ["--set 'seed'", "expected dotted.key=value"]),
        (["--set", "seed=["], ["--set 'seed=['", "YAML"]),
        (["--set", "seed.x=1", "--seed", "1"], ["'seed' is a value, not a section"]),
        (["--set", "seed=abc"], ["seed: 'abc' is not allowed"]),
        (["--seed", "-1"], ["seed: -1 is not allowed"]),
        (["--val", "0.7"], ["data.val: 0.7 is not allowed", "less than 0.5"]),
        (["--geometry", "stretch"], ["data.geometry: 'stretch'", "'squash'"]),
        (["--class-weight", "even"], ["head.class_weight: 'even'", "'balanced'"]),
        (["--taps", "middle"], ["unknown tap set 'middle'", "final"]),
        (["--head", "swm"], ["unknown head 'swm'", "did you mean svm"]),
        (["--set", "head.neighbours=3"], ["head linear does not take head.neighbours", "strength"]),
        (["--head", "knn", "--set", "head.C=1"], ["knn does not take head.C", "head.neighbours"]),
        (["--head", "flatten-dense", "--taps", "all"], ["un-pooled", "leave out --taps"]),
        (["--head", "gap-1024", "--set", "head.widths=[0]"], ["head.widths.0: 0 is not allowed"]),
        (["--config", "nowhere.yaml"], ["cannot read nowhere.yaml"]),
    ],
    ids=lambda value: "=".join(value[:2]) if value and value[0].startswith("--") else "",
)
def test_wrong_settings(
    refuses: Callable[..., str], finished: Any, options: list[str], words: list[str]
) -> None:
    message = refuses(finished.photos, *options)
    for word in words:
        assert word in message


def test_every_wrong_setting_is_named_at_once(refuses: Callable[..., str], finished: Any) -> None:
    message = refuses(finished.photos, "--seed", "-1", "--set", "data.vall=1", "--test", "2")
    assert all(word in message for word in ("seed: -1", "data.vall", "data.test: 2"))


@pytest.mark.parametrize("content", ["seed: [", "just words", ""], ids=["syntax", "text", "empty"])
def test_a_settings_file_that_is_none(
    refuses: Callable[..., str], finished: Any, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(content)
    assert str(path) in refuses(finished.photos, "--config", path)


# The command line itself


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian", "photos"], "unknown command 'trian': did you mean train"),
        (["train"], "train needs DATA"),
        (["predict", "bundle"], "Missing argument"),
        (["train", "photos", "--sed", "1"], "No such option: --sed"),
        (["train", "photos", "--seed", "one"], "Invalid value for '--seed'"),
        (["predict", "nowhere", "a.jpg"], "there is no bundle at nowhere"),
        (["evaluate", "nowhere", "photos"], "there is no bundle at nowhere"),
        (["evaluate", "bundle", "photos", "--split", "tset"], "did you mean test?"),
        (["cache", "sow"], "did you mean show"),
        (["cache", "limit"], "needs --size-mb"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_commands(cli: Cli, arguments: list[str], words: str) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert words in outcome.err
    assert "Traceback" not in outcome.err


def test_debug_shows_where_a_mistake_was_found(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("train", tmp_path / "nowhere", "--out", tmp_path / "run", "--debug")
    assert outcome.code == 2
    assert "Traceback (most recent call last)" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("headstart: ")


def test_a_mistake_of_ours_exits_with_one_and_leaves_nothing(
    cli: Cli,
    finished: Any,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    leftovers: Callable[[], list[str]],
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("headstart.workflows.shared_work.prepare", broken)
    outcome = cli("train", finished.photos, "--out", out)
    assert outcome.code == 1
    assert "ZeroDivisionError: ours" in outcome.err
    assert "please report it with --debug" in outcome.err
    assert "Traceback" not in outcome.err
    assert not out.exists()
    assert leftovers() == []


# Places


def test_an_existing_run_is_refused_and_untouched(
    cli: Cli, finished: Any, out: Path, leftovers: Callable[[], list[str]]
) -> None:
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    for arguments in (
        ("train", finished.photos),
        ("evaluate", finished.folder, finished.photos),
    ):
        outcome = cli(*arguments, "--out", out)
        assert outcome.code == 2
        assert f"{out} exists already and is never overwritten" in outcome.err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert leftovers() == []


def test_a_run_below_a_file(cli: Cli, finished: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    outcome = cli("train", finished.photos, "--out", tmp_path / "file" / "run")
    assert outcome.code == 2
    assert "cannot be written" in outcome.err


def test_predictions_where_a_folder_is(cli: Cli, finished: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    image = finished.photos / "cat" / "0.png"
    outcome = cli("predict", finished.folder, image, "--out", tmp_path / "folder")
    assert outcome.code == 2
    assert "is a folder: name a file, such as" in outcome.err


def test_an_unknown_precision(cli: Cli, finished: Any) -> None:
    image = finished.photos / "cat" / "0.png"
    outcome = cli("predict", finished.folder, image, "--precision", "bf61")
    assert outcome.code == 2
    assert "did you mean bf16?" in outcome.err


def test_a_disk_that_fills_up_while_the_run_is_written(
    refuses: Callable[..., str], finished: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("headstart.files.os.fsync", full)
    message = refuses(finished.photos)
    assert "is full" in message
    assert "--out or --cache" in message


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """``tiny_disk(kilobytes)``: a real file system of that size, where one can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(kilobytes: int) -> Path:
        options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        try:
            done = subprocess.run(["mount", *options], capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount command")
        if done.returncode:
            pytest.skip("this user may not mount a file system")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def test_a_full_disk_under_the_cache(
    command: Callable[..., Any],
    finished: Any,
    cache: Path,
    out: Path,
    tiny_disk: Callable[[int], Path],
    small_options: list[str],
) -> None:
    (cache / "features").symlink_to(tiny_disk(256))
    outcome = command("train", finished.photos, "--out", out, *small_options)
    assert outcome.code == 2, outcome.err
    assert "cannot be written" in outcome.err or "is full" in outcome.err
    assert "--cache" in outcome.err
    assert "Traceback" not in outcome.err
    assert not out.parent.exists() or not list(out.parent.iterdir())


def test_a_full_disk_under_the_run(
    cli: Cli,
    finished: Any,
    warm_cache: Path,
    tiny_disk: Callable[[int], Path],
    small_options: list[str],
) -> None:
    disk = tiny_disk(2048)
    outcome = cli("train", finished.photos, "--out", disk / "run", *small_options)
    assert outcome.code == 2, outcome.err
    assert f"the disk that holds {disk}" in outcome.err
    assert "is full" in outcome.err
    assert list(disk.iterdir()) == []


def test_errors_are_exceptions_of_one_family(finished: Any, tmp_path: Path) -> None:
    with pytest.raises(headstart.HeadstartError) as caught:
        headstart.train(tmp_path / "nowhere", out=tmp_path / "run")
    assert isinstance(caught.value, DataError)
    assert issubclass(StorageError, headstart.HeadstartError)
