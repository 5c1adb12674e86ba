"""``headstart recipes``."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from headstart.config.recipes import Line, Member, Recipe, find_recipe, recipe_names

WIDTH: Final = 100
_LABEL: Final = 11


def run(
    name: Annotated[
        str | None, typer.Argument(help="Show this one whole, with the origin of every value.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List the recipes: what published systems did, as settings, and what came out of it.

    headstart recipes

    headstart recipes waste
    """
    recipes = [find_recipe(known) for known in ([name] if name else recipe_names())]
    if as_json:
        content = [_as_json(recipe) for recipe in recipes]
        typer.echo(json.dumps(content[0] if name else content, indent=2))
        return
    lines = _whole(recipes[0]) if name else _list(recipes)
    for line in lines:
        typer.echo(line)


def _list(recipes: list[Recipe]) -> Iterator[str]:
    for recipe in recipes:
        yield recipe.name
        yield from _wrapped("  ", recipe.title)
        yield from _labelled("result", recipe.result)
        if recipe.ours:
            yield from _labelled("here", recipe.ours)
        yield from _labelled("backbones", ", ".join(recipe.backbones))
    yield ""
    yield "headstart recipes NAME shows one whole and says how to run it"


def _whole(recipe: Recipe) -> Iterator[str]:
    yield from _wrapped("", f"{recipe.name}: {recipe.title}")
    yield from _labelled("source", recipe.source)
    yield from _labelled("result", recipe.result)
    yield from _labelled("here", recipe.ours or "not run")
    for key, values in recipe.axes.items():
        yield from _labelled("varied", f"{key}: {', '.join(map(str, values))}, by benchmark")
    yield ""
    for note in recipe.notes:
        yield from _wrapped("- ", note)
    yield ""
    yield from _settings(list(recipe.lines()))
    for member in recipe.grid:
        yield ""
        yield from _wrapped("", f"{member.backbone} (source: {member.result or 'not stated'})")
        yield from _settings(list(recipe.lines(member)))
    yield ""
    yield from _wrapped("", _legend(recipe))


def _legend(recipe: Recipe) -> str:
    several = len(recipe.grid) > 1
    run = f"headstart {'benchmark' if several else 'train'} DATA --recipe {recipe.name}"
    grid = (
        f" trains all {len(recipe.grid)} networks, 'train' with --backbone one" if several else ""
    )
    return (
        "source: as the system states it. translated: its equal here. ours: not stated. "
        f"Every other setting is headstart's default. {run}{grid}; --set changes any value."
    )


def _settings(lines: list[Line]) -> Iterator[str]:
    if not lines:
        return
    values = [_value(line.value) for line in lines]
    key_width = max(len(line.key) for line in lines)
    value_width = max(map(len, values))
    for line, value in zip(lines, values, strict=True):
        start = f"  {line.key:<{key_width}}  {value:<{value_width}}  "
        words = f"{line.origin.kind}: {line.origin.words}".removesuffix(": ")
        yield from _wrapped(start, words, width=max(WIDTH, len(start) + 40))


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _labelled(label: str, text: str) -> list[str]:
    return _wrapped(f"  {label:<{_LABEL}}", text)


def _wrapped(start: str, text: str, *, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )


def _as_json(recipe: Recipe) -> dict[str, Any]:
    return {
        **recipe.model_dump(mode="json", include={"name", "title", "source", "result", "ours"}),
        "notes": list(recipe.notes),
        "settings": [_line_json(line) for line in recipe.lines()],
        "axes": recipe.axes,
        "grid": [_member_json(recipe, member) for member in recipe.grid],
    }


def _member_json(recipe: Recipe, member: Member) -> dict[str, Any]:
    own = [_line_json(line) for line in recipe.lines(member)]
    return {"backbone": member.backbone, "result": member.result, "settings": own}


def _line_json(line: Line) -> dict[str, Any]:
    return {"key": line.key, "value": line.value, **line.origin._asdict()}
