"""Spaces of a search: what is read, what is refused, and a recipe that survives being written."""

from dataclasses import replace
from pathlib import Path

import pytest
import small

from mpoxlens.errors import RecipeError
from mpoxlens.vision.recipe import load
from mpoxlens.vision.recipe_text import to_toml
from mpoxlens.vision.search_space import Setting, check, settings, with_settings


def space(tmp_path: Path, lines: str) -> Path:
    return small.written(tmp_path / "space.toml", f"[search.space]\n{lines}\n")


def test_ranges_and_choices(tmp_path: Path) -> None:
    lines = '"train.lr" = [1e-4, 1e-2, "log"]\n"train.epochs" = [2, 5]\n"model.pool" = ["mean", "token"]'
    assert settings(load(space(tmp_path, lines))) == (
        Setting("model.pool", ("mean", "token")),
        Setting("train.epochs", (), 2.0, 5.0, log=False, whole=True),
        Setting("train.lr", (), 1e-4, 1e-2, log=True),
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('"train.layer_decya" = [0.5, 0.9]', "'train.layer_decya': no such setting; did you mean 'train.layer_decay'?"),
        ('"lr" = [0.5, 0.9]', "search.space 'lr': no such setting; "),
        ('"train.seed" = [1, 9]', "'train.seed': trials are compared by it, so that it must stay"),
        ('"train.lr" = [1e-2, 1e-4]', "not what a float can be"),
        ('"train.lr" = [0.0, 1e-4, "log"]', "not what a float can be"),
        ('"train.epochs" = [2.5, 4.5]', "not what a int can be"),
        ('"model.pool" = ["mean"]', "not what a str can be"),
        ("", "no setting to search"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    recipe = load(space(tmp_path, lines))
    with pytest.raises(RecipeError) as refused:
        settings(recipe)
    assert message in str(refused.value)


def test_an_impossible_end_of_a_range_is_refused_before_any_trial(tmp_path: Path) -> None:
    recipe = load(space(tmp_path, '"train.ema" = [0.9, 1.5]'))
    with pytest.raises(RecipeError, match=r"space\.toml: search\.space 'train\.ema': 1\.5: impossible"):
        check(recipe, settings(recipe), tmp_path)


def test_a_written_recipe_is_the_same_recipe_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("sha256,action,value,reviewer,note\n")
    toml = small.TOML.replace("[model]", 'reviews = ["reviews.csv"]\n[model]')
    more = '[distil]\nteachers = ["frozen:vit-b", "../teacher"]\nweight = 0.5\n'
    recipe = load(small.written(tmp_path / "r.toml", more, toml))
    (tmp_path / "deep").mkdir()
    moved = with_settings(recipe, {"train.lr": 0.005}, tmp_path / "deep" / "best.toml")
    assert moved.train == replace(recipe.train, lr=0.005)
    assert moved.model == recipe.model
    assert moved.distil.teachers == ("frozen:vit-b", "../../teacher")
    assert [path.resolve() for path in moved.reviews_paths] == [tmp_path / "reviews.csv"]
    assert "folds = 2" in to_toml(recipe, {}, tmp_path)
