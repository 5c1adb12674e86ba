"""From a recipe's name to the runs that it means: settings only, nothing is trained here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headstart.backbones.catalog import find_backbone
from headstart.config import TrainConfig, build_config, set_dotted
from headstart.config.recipes import Member, Recipe, find_recipe, settings_under
from headstart.errors import ConfigError, UnknownNameError, listed

Given = Mapping[str, Any] | TrainConfig | None


@dataclass(frozen=True)
class PlannedRun:
    """One run of a recipe.

    Attributes:
        name: Of the run: the recipe's, and the network's where it is one of several or
            not the recipe's own.
        backbone: As the recipe or the user calls it.
        result: What the source reports for it.
        config: All its settings.
        recipe: Its name; empty for a run that follows none.
    """

    name: str
    backbone: str
    result: str
    config: TrainConfig
    recipe: str = ""


def plan_recipe(
    name: str, given: Given = None, assignments: Iterable[str] = ()
) -> tuple[PlannedRun, ...]:
    """Return the runs of a recipe with the user's settings on top.

    A recipe that is a grid means one run for each of its networks, unless the user names
    one: a member by any of its names, or any other network, which then takes the recipe's
    common settings.

    Args:
        name: Of the recipe.
        given: The user's settings, nested.
        assignments: ``dotted.key=value``, over all others.

    Raises:
        UnknownNameError: No such recipe or backbone; says what is close.
        ConfigError: A setting is wrong.
    """
    recipe, asked, changes = find_recipe(name), _nested(given), list(assignments)
    wanted = _wanted(asked, changes)
    if wanted is None:
        members: tuple[Member | None, ...] = recipe.grid or (None,)
        return tuple(_plan(recipe, member, asked, changes) for member in members)
    own = [known for known in recipe.backbones if _same(known, wanted)]
    if not own:
        return (_plan(recipe, None, asked, changes, stranger=wanted),)
    changes.append(f"backbone.name={own[0]}")
    found = [member for member in recipe.grid if member.backbone == own[0]]
    return (_plan(recipe, found[0] if found else None, asked, changes),)


def recipe_config(name: str, given: Given = None, assignments: Iterable[str] = ()) -> PlannedRun:
    """Return the one run that a recipe means. See :func:`plan_recipe`.

    Raises:
        ConfigError: It means several.
    """
    runs = plan_recipe(name, given, assignments)
    if len(runs) > 1:
        networks = listed(run.backbone for run in runs)
        raise ConfigError(
            f"the recipe {name} is about {len(runs)} networks ({networks}): choose one with "
            f"--backbone, or train all with: headstart benchmark DATA --recipe {name}"
        )
    return runs[0]


def _plan(
    recipe: Recipe,
    member: Member | None,
    given: dict[str, Any],
    assignments: list[str],
    *,
    stranger: str = "",
) -> PlannedRun:
    settings = settings_under(recipe.member_settings(member), given, assignments)
    backbone = stranger or (member.backbone if member else recipe.settings_backbone)
    alone = not (member or stranger)
    reported = "" if stranger else member.result if member else recipe.result
    return PlannedRun(
        name=recipe.name if alone else f"{recipe.name}-{stem(backbone)}",
        backbone=backbone,
        result=reported,
        config=build_config(settings),
        recipe=recipe.name,
    )


def stem(backbone: str) -> str:
    """Return a backbone's name as part of a folder's."""
    return backbone.lower().replace("/", "_")


def _nested(given: Given) -> dict[str, Any]:
    if isinstance(given, TrainConfig):
        return given.model_dump(mode="json", exclude_unset=True)
    return dict(given or {})


def _wanted(given: dict[str, Any], assignments: Iterable[str]) -> str | None:
    """Return the backbone that the user asks for."""
    naming = [one for one in assignments if one.partition("=")[0].strip() == "backbone.name"]
    section = set_dotted(given, naming[-1:]).get("backbone")
    asked = section.get("name") if isinstance(section, dict) else None
    return asked if asked is None else str(asked)


def _same(known: str, wanted: str) -> bool:
    """Tell whether two names mean one network; one that nobody knows means none."""
    if known.lower() == wanted.lower():
        return True
    try:
        return find_backbone(known).name == find_backbone(wanted).name
    except UnknownNameError:
        return False
