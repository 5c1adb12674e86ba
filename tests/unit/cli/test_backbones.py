from __future__ import annotations

from typing import Any

from headstart.backbones.catalog import CATALOG


def test_every_backbone_has_a_line(cli: Any) -> None:
    outcome = cli("backbones")
    header, *lines = outcome.out.splitlines()
    assert header.split() == ["name", "size", "parameters", "top-1", "licence", "aliases"]
    assert [line.split()[0] for line in lines] == [spec.name for spec in CATALOG]
    first = CATALOG[0]
    assert f"{first.parameters:,}" in lines[0]
    assert f"{first.top1:.2f}%" in lines[0]
    assert first.licence in lines[0]


def test_a_search_looks_at_every_name(cli: Any) -> None:
    assert len(cli("backbones", "--search", "LITE2").out.splitlines()) == 2
    for spec in CATALOG:
        for alias in spec.aliases:
            assert spec.name in cli("backbones", "--search", alias).out
    assert len(cli("backbones", "--search", "no such network").out.splitlines()) == 1
