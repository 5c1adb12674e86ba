"""The block of images: whole, each picture once, and nothing in it can leave it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from headstart.reporting import Example, render_report
from headstart.reporting.pool import class_counts, image_block

HOSTILE = "</script><script>alert(1)</script><!--\u2028&'\""


def block_of(source: str) -> dict:
    found = re.findall(r'<script type="application/json" id="pool">(.*?)</script>', source, re.S)
    assert len(found) == 1
    return json.loads(found[0])


def test_every_image_is_in_the_page_once(make_content, make_images) -> None:
    content = make_content()
    images = make_images(content.test)
    wrong = next(image for image in images if image.label != image.predicted)
    error = Example(wrong.path, "cat", "dog", 0.9, wrong.thumbnail, row=wrong.row)
    source = render_report(replace(content, images=images, errors=(error,), samples={}))
    pool = block_of(source)
    assert [entry[0] for entry in pool["images"]] == [image.row for image in images]
    pictures = [entry[-1] for entry in pool["images"]]
    assert [p == "" for p in pictures] == [image is wrong for image in images]
    assert f'data-row="{wrong.row}"' in source
    for picture in filter(None, pictures):
        assert source.count(picture) == 1


@pytest.mark.parametrize("part", ["path", "class"])
def test_no_name_ends_the_block(make_content, make_images, part: str) -> None:
    classes = (HOSTILE if part == "class" else "cat", "dog", "owl")
    content = make_content(classes)
    images = make_images(content.test)
    if part == "path":
        images = tuple(replace(image, path=HOSTILE) for image in images)
    source = render_report(replace(content, images=images))
    assert source.count("<script") == 2
    assert "alert(1)</script>" not in source
    found = block_of(source)
    assert HOSTILE in (found["classes"][0], found["images"][0][1])


def test_counts_are_those_of_the_matrix(make_judgement) -> None:
    test = make_judgement(("a", "b", "c"))
    for place, (hit, missed, wrong) in enumerate(class_counts(test)):
        score = test.per_class[place]
        assert (hit + missed, hit + wrong) == (score.support, score.predicted)


def test_without_images_there_is_no_block(make_content) -> None:
    assert image_block(make_content()) == ""
    source = render_report(make_content())
    assert 'id="viewer"' not in source
    assert 'id="galleries"' not in source
