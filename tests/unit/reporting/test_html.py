"""The report is whole, self-contained, and safe whatever the files are called."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.data.manifest import Rejected
from headstart.evaluation import wilson
from headstart.reporting import (
    Epoch,
    EvidenceMap,
    Example,
    ReportContent,
    Slice,
    Suspect,
    TestImage,
    TextTable,
    TrainingHistory,
    make_thumbnail,
    render_report,
)

MakeContent = Callable[..., ReportContent]
VOID = {"meta", "img", "br", "link", "input", "path", "rect", "circle", "polyline"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
    "חתול \u202e gpj.exe",
    "long " * 80,
]


class Page(HTMLParser):
    """Reads a page: its tags, its text, and whether every tag is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_headline_says_share_count_and_interval(make_content: MakeContent) -> None:
    content = make_content()
    accuracy = content.test.metrics["accuracy"]
    page = render_report(content).replace("\u00a0", " ")
    assert f"{100 * accuracy.value:.1f} % of 18 unseen images right" in page
    assert f"95 % interval {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f} %" in page


def test_every_part_of_the_run_is_shown(make_content: MakeContent) -> None:
    text = " ".join(Page(render_report(make_content())).text.split())
    for expected in (
        "pets", "2025-01-02 03:04", "efficientnet_lite0", "logistic regression",
        "OpenVINO, CPU, bf16", "owl has few images", "cat/broken.jpg", "it ends early",
        "2 ignored: hidden", "8 × 6 px", "final+early", "✓ chosen", "largest difference",
        "head.class_weight", "0.8, 0.1, 0.1", "python", "7.0 s", "12 s", "18.2 MB",
        "Calibration error before calibration", "Balanced accuracy", "test split was locked",
    ):  # fmt: skip
        assert expected in text, expected


def test_every_error_is_shown_with_path_classes_confidence_and_picture(
    make_content: MakeContent, jpeg: bytes
) -> None:
    content = make_content()
    source = render_report(content)
    text = Page(source).text
    for error in content.errors:
        assert error.path in text
        assert f"is {error.label}" in text
        assert f"said {error.predicted}" in text
        assert f"{100 * error.confidence:.1f}\u00a0%" in text
    assert source.count(base64.b64encode(jpeg).decode()) == 2 + 3


def test_nothing_is_loaded_from_anywhere(make_content: MakeContent) -> None:
    source = render_report(make_content())
    page = Page(source)
    assert not re.search(r"https?://|(?:src|href)\s*=\s*[\"']?//|@import|url\(", source)
    assert not page.all("link")
    assert not page.all("iframe")
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert all(str(link["href"]).startswith("#") for link in page.all("a"))
    assert "default-src 'none'" in source


def test_links_lead_to_sections_that_exist(make_content: MakeContent) -> None:
    page = Page(render_report(make_content()))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in page.all("a")} <= set(ids)


def test_tables_and_pictures_are_described(make_content: MakeContent) -> None:
    page = Page(render_report(make_content()))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") for cell in page.all("th"))
    assert all(image.get("alt") for image in page.all("img"))
    assert [tag for tag, _ in page.tags].count("h1") == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(make_content: MakeContent, jpeg: bytes, name: str) -> None:
    plain = Page(render_report(make_content()))
    content = make_content(
        (name, "dog", "owl"),
        title=name,
        backbone=name,
        notes=(name,),
        rejected=(Rejected(name, name),),
        ignored={name: 2},
        image_facts={name: name},
        errors=(Example(name, name, name, 0.9, jpeg), Example("b", "c", "d", 0.8, jpeg)),
        config={name: {name: name}},
    )
    source = render_report(content)
    page = Page(source)
    assert not page.open
    assert len(page.all("script")) == 1
    assert len(page.all("svg")) == 2
    assert len(page.all("img")) == len(plain.all("img"))
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert name in page.text
    assert html.escape(name, quote=False).replace("'", "&#39;").replace('"', "&#34;") in source


@given(name=st.text(min_size=1, max_size=40))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_class_name_leaves_the_page_well_formed(make_content: MakeContent, name: str) -> None:
    names = (f"a{name}", f"b{name}")
    page = Page(render_report(make_content(names)))
    assert not page.open
    assert len(page.all("script")) == 1


@pytest.mark.parametrize("count", [2, 7, 100, 130])
def test_few_and_many_classes_render_light(make_content: MakeContent, count: int) -> None:
    names = tuple(f"class {i:03d}" for i in range(count))
    source = render_report(make_content(names))
    assert all(name in source for name in names)
    assert len(source) < 2_000_000
    assert not Page(source).open


def test_the_matrix_gives_way_to_a_list_where_it_would_serve_nobody(
    make_content: MakeContent,
) -> None:
    small, large = (
        render_report(make_content(tuple(f"c{i}" for i in range(n)))) for n in (120, 121)
    )
    assert "Confusion matrix of" in small
    assert "Confusion matrix of" not in large
    assert "Most frequent confusions" in large


def test_a_perfect_run_with_nothing_to_tell_renders(make_content: MakeContent) -> None:
    from headstart.evaluation import judge

    content = ReportContent(
        title="t", created="2025-01-02", backbone="b", head="h", device="d",
        test=judge([[0.99, 0.01], [0.02, 0.98]], [0, 1], classes=["cat", "dog"]),
    )  # fmt: skip
    text = Page(render_report(content)).text
    assert "None: every one of the 2 test images was named correctly." in text
    assert "Files set aside" not in text
    assert "No image was confused with another class." in text


def test_a_class_without_test_images_has_no_recall(make_content: MakeContent) -> None:
    from headstart.evaluation import judge

    test = judge(
        [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.7, 0.2, 0.1]], [0, 1, 1], classes=["a", "b", "none"]
    )
    text = Page(render_report(make_content(("a", "b", "none"), test=test))).text
    assert text.count("no image to tell by") == 3


def test_sections_appear_with_what_others_worked_out(make_content: MakeContent) -> None:
    half = wilson(5, 10)
    epochs = (
        Epoch(1, 1, 0.5, 0.8, 0.6, 0.7, 1e-3, 5.0),
        Epoch(2, 1, 0.4, 0.9, 0.5, 0.8, 1e-3, 5.0, chosen=True),
    )
    content = make_content(
        slices=(Slice("brightness", "darkest <b>", 10, half, rest=half, notable=True),),
        suspects=(Suspect(make_content().errors[0], "train", "two heads agree"),),
        tables=(TextTable("Without <i>", "One class less.", ("left out",), (("trash",),)),),
        history=TrainingHistory(epochs, ("the head", "all layers"), 100, 50, kept=False),
    )
    source = render_report(content)
    page = Page(source)
    assert not page.open
    for section in ("slices", "suspects", "training"):
        assert f'id="{section}"' in source
        assert f'href="#{section}"' in source
        assert f'id="{section}"' not in render_report(make_content())
    for words in (
        "darkest <b>", "two heads agree", "Without <i>", "trash",
        "did not win on the validation images", "all layers", "phase 2", "perhaps dog",
    ):  # fmt: skip
        assert words in page.text, words
    assert len(page.all("svg")) == 4
    assert len(page.all("caption")) == len(page.all("table"))


def test_maps_stand_beside_their_error(make_content: MakeContent, jpeg: bytes) -> None:
    maps = (EvidenceMap("dog", 0.98, jpeg), EvidenceMap("<u>", 0.01, jpeg))
    with_maps, without = make_content().errors
    content = make_content(errors=(replace(with_maps, maps=maps), without), map_note="Two only.")
    page = Page(render_report(content))
    assert not page.open
    assert "Beside the first: what speaks" in " ".join(page.text.split())
    assert "Two only." in page.text
    assert "Where the evidence for <u> lies" in [image.get("alt") for image in page.all("img")]


def test_a_page_of_500_images_stays_below_5_mb(make_content: MakeContent) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    worst = make_thumbnail(noise, most_bytes=2_700_000 // 500)
    assert len(worst) <= 2_700_000 // 500
    images = tuple(TestImage(n, f"{n}.jpg", 0, n % 3, ((0, 0.5),), worst) for n in range(500))
    assert len(render_report(make_content(images=images)).encode()) < 4_500_000


def test_many_notes_are_folded(make_content: MakeContent) -> None:
    source = render_report(make_content(notes=tuple(f"note {n}" for n in range(12))))
    assert "<summary>7 more</summary>" in source
    assert all(f"<li>note {n}</li>" in source for n in range(12))


def test_the_same_content_gives_the_same_page(make_content: MakeContent) -> None:
    assert render_report(make_content()) == render_report(make_content())
