"""A recipe's TOML file as checked sections: no unknown name, no value of another type."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mpoxlens.errors import RecipeError

KINDS: Mapping[type[Any], str] = {  # in the words of whoever writes a recipe
    int: "a whole number without quotes",
    float: "a number without quotes",
    str: "a text in quotes",
    bool: "true or false without quotes",
    tuple: "a list of texts in square brackets",
    dict: "a table of settings",
}


def sections(path: Path, known: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return the sections that a file has, each as its dataclass.

    Args:
        path: of the recipe.
        known: dataclass of each section; every setting has a default, whose type it must have.

    Raises:
        RecipeError: the file cannot be read, or has an unknown or ill-typed setting.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(str(path), f"cannot be read ({error.strerror})", "name a file of recipes/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), f"not TOML ({error})", "correct it") from None
    _check_names(path, "section", set(content), set(known))
    return {name: _section(path, name, known[name], content[name]) for name in content}


def check(path: Path, settings: Mapping[str, Any], rules: Mapping[str, bool], where: str) -> None:
    """Refuse the first setting whose rule does not hold.

    Args:
        path: of the recipe.
        settings: the sections by name.
        rules: whether each "section.setting" is possible.
        where: the file that explains the settings.

    Raises:
        RecipeError: a setting is impossible.
    """
    for name, holds in rules.items():
        if not holds:
            section, key = name.split(".")
            value = getattr(settings[section], key)
            raise RecipeError(f"{path}: {name} = {value!r}", "impossible", f"see {where} for its meaning")


def _section(path: Path, name: str, kind: type[Any], values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise RecipeError(f"{path}: {name}", "a section is needed", f"write [{name}] above its settings")
    defaults = {f.name: getattr(kind(), f.name) for f in fields(kind)}
    _check_names(path, f"setting of [{name}]", set(values), set(defaults))
    given = {key: _frozen(v) for key, v in values.items()}
    for key, value in given.items():
        wanted = type(defaults[key])
        words = wanted is not tuple or all(isinstance(v, str) for v in value)
        if not words or (type(value) is not wanted and not (wanted is float and type(value) is int)):
            raise RecipeError(f"{path}: {name}.{key} = {value!r}", f"{KINDS[wanted]} is needed", "correct it")
    return kind(**given)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(v) for key, v in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _check_names(path: Path, what: str, given: set[str], known: set[str]) -> None:
    for name in sorted(given - known):
        close = difflib.get_close_matches(name, known, 1)
        mend = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
        raise RecipeError(f"{path}: {name!r}", f"no such {what}", mend)
