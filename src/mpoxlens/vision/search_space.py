"""The settings that a search may try, and a recipe with other settings put in, as TOML that `load` accepts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpoxlens.errors import RecipeError
from mpoxlens.vision.recipe import SECTIONS, Recipe, load
from mpoxlens.vision.recipe_text import to_toml, value_of
from mpoxlens.vision.run_folder import write_text

if TYPE_CHECKING:
    from optuna import Trial

SEARCHED = ("model", "train", "distil")  # sections whose settings a search may try
FIXED = ("train.seed", "train.folds", "train.repeats")  # what trials are compared by must not differ between them


@dataclass(frozen=True)
class Setting:
    """One setting of a search: choices, or a range."""

    name: str  # "train.lr"
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False  # whole numbers alone

    def suggest(self, trial: Trial) -> Any:
        """Return the value that a trial is to try."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Whether a value is one that the search may try."""
        return value in self.choices if self.choices else self.low <= value <= self.high

    def extremes(self) -> tuple[Any, ...]:
        """All choices, or both ends of the range."""
        return self.choices or (_number(self.low, self.whole), _number(self.high, self.whole))


def settings(recipe: Recipe) -> tuple[Setting, ...]:
    """Return the settings of [search.space].

    Raises:
        RecipeError: there is none, a name that does not exist, or values that the setting cannot take.
    """
    if not recipe.search.space:
        mend = 'write [search.space] with lines such as "train.lr" = [1e-4, 1e-2, "log"]'
        raise RecipeError(f"{recipe.path}: search.space", "no setting to search", mend)
    return tuple(_setting(recipe, name, values) for name, values in sorted(recipe.search.space.items()))


def _setting(recipe: Recipe, name: str, values: Any) -> Setting:
    where = f"{recipe.path}: search.space {name!r}"
    known = [n for n in _names() if n not in FIXED]
    if name in FIXED or name not in known:
        why = "trials are compared by it, so that it must stay" if name in FIXED else "no such setting"
        close = difflib.get_close_matches(name, known, 1, 0.4)
        raise RecipeError(where, why, f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}")
    kind = type(value_of(recipe, name))
    found = _range(name, values, kind) or _choices(name, values, kind)
    if found is None:
        mend = 'give [low, high], [low, high, "log"], or a list of values to choose from'
        raise RecipeError(f"{where} = {_shown(values)}", f"not what a {kind.__name__} can be", mend)
    return found


def _names() -> list[str]:
    return [f"{section}.{f.name}" for section in SEARCHED for f in fields(SECTIONS[section])]


def _shown(values: Any) -> str:
    return str(list(values) if isinstance(values, tuple) else values)


def _range(name: str, values: Any, kind: type) -> Setting | None:
    """Return the range of two numbers, on a log scale when the word follows."""
    if kind not in (int, float) or not isinstance(values, Sequence) or len(values) not in (2, 3):
        return None
    low, high, *rest = values
    log = rest == ["log"]
    if (rest and not log) or not all(_is(v, kind) for v in (low, high)) or not (low < high and (low > 0 or not log)):
        return None
    return Setting(name, (), float(low), float(high), log, kind is int)


def _choices(name: str, values: Any, kind: type) -> Setting | None:
    least = 3 if kind in (int, float) else 2  # two numbers are a range
    fit = isinstance(values, Sequence) and len(values) >= least and all(_is(v, kind) for v in values)
    return Setting(name, tuple(values)) if fit and len(set(values)) == len(values) else None


def _is(value: Any, kind: type) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _number(value: float, whole: bool) -> int | float:
    return int(value) if whole else value


def with_settings(recipe: Recipe, chosen: Mapping[str, Any], path: Path) -> Recipe:
    """Write a recipe with some settings changed to `path`, and load it from there.

    Raises:
        RecipeError: the settings are impossible together.
    """
    write_text(to_toml(recipe, chosen, path.parent), path)
    return load(path)


def check(recipe: Recipe, found: Sequence[Setting], scratch: Path) -> None:
    """Refuse a space that holds impossible values, before any trial; `scratch` is a folder for a recipe.

    Raises:
        RecipeError: an end of a range or a choice is impossible in this recipe.
    """
    for setting in found:
        for value in setting.extremes():
            try:
                with_settings(recipe, {setting.name: value}, scratch / "tried.toml")
            except RecipeError as error:
                what = f"{recipe.path}: search.space {setting.name!r}: {value!r}"
                raise RecipeError(what, error.why, error.mend) from None
