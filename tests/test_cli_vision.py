"""The verbs that make models: they call the workshop, and a missing package is one line."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mpoxlens.cli_vision import VERBS
from mpoxlens.errors import MissingExtraError, RecipeError


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_tells_what_it_does(verb) -> None:  # type: ignore[no-untyped-def]
    done = CliRunner().invoke(verb, ["--help"])
    assert done.exit_code == 0
    assert verb.help in " ".join(done.output.split())
    assert "Exit codes" in done.output


@pytest.mark.parametrize("verb", VERBS[:4], ids=lambda verb: verb.name)
def test_a_recipe_that_is_not_there_is_one_line(verb, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = [str(tmp_path / "gone.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(RecipeError, match=r"gone\.toml: cannot be read"):
        CliRunner().invoke(verb, arguments, catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in ("mpoxlens.vision.search", "mpoxlens.vision.study"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    search = next(verb for verb in VERBS if verb.name == "search")
    with pytest.raises(MissingExtraError, match=r"pip install 'mpoxlens\[train\]'"):
        CliRunner().invoke(search, ["r.toml", "--data", ".", "--out", str(tmp_path / "out")], catch_exceptions=False)
