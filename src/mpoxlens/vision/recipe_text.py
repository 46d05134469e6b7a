"""A recipe as TOML that `recipe.load` accepts, so that a run keeps the one it was made by."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mpoxlens.vision.recipe import SECTIONS, Recipe

KEPT = ("data", "model", "train", "distil", "mae", "bundle")  # sections that a fit or its bundle depends on


def to_toml(recipe: Recipe, chosen: Mapping[str, Any], folder: Path) -> str:
    """Return a recipe as TOML for a file in `folder`, with some settings changed; defaults are left out."""
    chosen = {**_moved(recipe, folder), **chosen}
    parts = ["\n".join([f"[{section}]", *lines]) for section in KEPT if (lines := [*_lines(recipe, section, chosen)])]
    return "\n\n".join(parts) + "\n"


def _moved(recipe: Recipe, folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the settings that name files beside the recipe, as a recipe in `folder` names them."""

    def seen_from(name: str) -> str:
        return (
            name if name.startswith("frozen:") else Path(os.path.relpath(recipe.path.parent / name, folder)).as_posix()
        )

    named = {"data.reviews": recipe.data.reviews, "distil.teachers": recipe.distil.teachers}
    return {setting: tuple(seen_from(name) for name in names) for setting, names in named.items()}


def _lines(recipe: Recipe, section: str, chosen: Mapping[str, Any]) -> Iterator[str]:
    default = SECTIONS[section]()
    for f in fields(SECTIONS[section]):
        name = f"{section}.{f.name}"
        value = chosen.get(name, value_of(recipe, name))
        if value != getattr(default, f.name):
            yield f"{f.name} = {json.dumps(value, ensure_ascii=False)}"


def value_of(recipe: Recipe, name: str) -> Any:
    """Return the value of a setting such as "train.lr"."""
    section, key = name.split(".")
    return getattr(getattr(recipe, section), key)
