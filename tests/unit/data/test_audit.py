import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from headstart.data.audit import Audit, audit, check_rejected
from headstart.data.containers import ArraysContainer, FolderContainer
from headstart.data.digest import content_digest
from headstart.data.manifest import Manifest, Rejected
from headstart.errors import DataError
from headstart.progress import Progress, Silent

T = TypeVar("T")


class Counting(Silent):
    def __init__(self) -> None:
        self.passed, self.total = 0, 0

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        self.total = total
        for item in items:
            self.passed += 1
            yield item


def image(colour: int, size: tuple[int, int] = (8, 6), kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (colour, 0, 0)).save(buffer, kind)
    return buffer.getvalue()


def audited(
    root: Path, files: dict[str, bytes | None], *, progress: Progress | None = None,
    max_pixels: int = 1000,
) -> Audit:  # fmt: skip
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        if content is not None:
            (root / name).write_bytes(content)
    none = (None,) * len(files)
    labels = tuple(name.partition("/")[0] for name in files)
    rows = Manifest(FolderContainer(root), tuple(files), labels, none, none, {"stray": 1})
    return audit(rows, max_pixels=max_pixels, threads=2, progress=progress or Silent())


def test_good_files_are_described_and_bad_ones_set_aside_in_order(tmp_path: Path) -> None:
    files = {
        "cat/1.png": image(1), "cat/2.jpg": b"not an image", "cat/3.jpg": None,
        "dog/4.jpg": image(2, (10, 20), "JPEG"), "dog/5.png": image(3, (40, 50)),
        "dog/6.png": image(4), "dog/7.png": b"",
    }  # fmt: skip
    found = audited(tmp_path, files)
    assert found.manifest.paths == ("cat/1.png", "dog/4.jpg", "dog/6.png")
    assert found.manifest.ignored == {"stray": 1}
    assert found.widths.tolist() == [8, 10, 8]
    assert found.heights.tolist() == [6, 20, 6]
    assert found.formats == {"PNG": 2, "JPEG": 1}
    assert found.digests[0] == content_digest(image(1))
    assert found.read_total == 7
    assert [bad.path for bad in found.rejected] == [
        "cat/2.jpg",
        "cat/3.jpg",
        "dog/5.png",
        "dog/7.png",
    ]
    assert found.rejected[1].reason == "the file does not exist"
    assert all(bad.reason and bad.path not in bad.reason for bad in found.rejected)


def test_copies_are_found_and_contradictions_told_apart(tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {
        "cat/1.png": image(1), "cat/2.png": image(2), "dog/1.png": image(1),
        "cat/3.png": image(2), "dog/4.png": image(4),
    }  # fmt: skip
    found = audited(tmp_path, files)
    assert set(found.duplicates) == {(0, 2), (1, 3)}
    assert found.conflicts == ((0, 2),)


def test_every_file_is_read_once_and_counted(tmp_path: Path) -> None:
    progress = Counting()
    audited(tmp_path, {f"cat/{n}.png": image(n) for n in range(100)}, progress=progress)
    assert progress.passed == progress.total == 100


def test_arrays_are_audited_too() -> None:
    container = ArraysContainer([np.zeros((3, 4, 3), np.uint8), np.zeros((3, 4), np.uint8)])
    names = tuple(container.names())
    none = (None, None)
    rows = Manifest(container, names, ("a", "b"), none, none)
    found = audit(rows, max_pixels=100, threads=1, progress=Silent())
    assert found.widths.tolist() == [4, 4]
    assert found.duplicates == ((0, 1),)


def test_nothing_is_audited_to_nothing(tmp_path: Path) -> None:
    found = audited(tmp_path, {})
    assert len(found.manifest) == found.read_total == len(found.widths) == 0


BAD = [Rejected(f"cat/{n}.jpg", "no image") for n in range(12)]


def test_a_few_bad_files_pass() -> None:
    check_rejected(BAD[:1], {"cat": 50, "dog": 50}, {"cat": 49, "dog": 50}, allow_bad=False)
    check_rejected([], {}, {}, allow_bad=False)


def test_more_than_a_hundredth_stops_with_the_first_ten_and_the_mend() -> None:
    before, after = {"cat": 60, "dog": 40}, {"cat": 48, "dog": 40}
    with pytest.raises(DataError) as caught:
        check_rejected(BAD, before, after, allow_bad=False)
    message = str(caught.value)
    assert "12 of 100 images cannot be read" in message
    assert "cat/9.jpg: no image and 2 more" in message
    assert "more than 1%" in message
    assert "--allow-bad" in message
    check_rejected(BAD, before, after, allow_bad=True)


@pytest.mark.parametrize("allow_bad", [False, True])
def test_a_class_emptied_stops_in_any_case(allow_bad: bool) -> None:
    with pytest.raises(DataError, match="no readable image is left of class cat"):
        check_rejected(BAD, {"cat": 12, "dog": 9000}, {"dog": 9000}, allow_bad=allow_bad)
