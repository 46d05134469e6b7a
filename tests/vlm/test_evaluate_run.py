"""The whole evaluation with models of the real classes at tiny size: what they say is noise, and all are asked."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_vlm import LABELS, RECIPE, made

import hand_made
from mpoxlens.cli_vlm import vlm
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.vlm import crossval
from mpoxlens.vlm.evaluate.nouns import read_answers
from mpoxlens.vlm.evaluate.plan import Settings, asked_of
from mpoxlens.vlm.evaluate.report import evaluation, lines, photographs, read_rivals
from mpoxlens.vlm.evaluate.run import FOLDER, Judge
from mpoxlens.vlm.features import Picture, visual_features
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.instructions import make
from mpoxlens.vlm.instructions import run as asking
from mpoxlens.vlm.posterior import log_likelihoods
from mpoxlens.vlm.predict import Prompt, predict
from mpoxlens.vlm.recipe import load
from mpoxlens.vlm.words import history_text

pytestmark = pytest.mark.slow

SETTINGS = Settings(worded=4, spoilt=3, drawn=4, described=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace, a recipe, and its run."""
    root = tmp_path_factory.mktemp("judged")
    names = [f"{label}/{i}.jpg" for i, label in enumerate(LABELS * 8)]
    records = [hand_made.photograph(root / "photos", name, seed) for seed, name in enumerate(names)]
    work = hand_made.workspace(root / "ws", root / "photos", sorted(records, key=lambda one: one.sha256))
    (root / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    asking.run(work, root / "asked", make.Settings(phantoms=2, per_photo=1))
    crossval.run(root / "tiny.toml", work.path, root / "asked", root / "run")
    return root


@pytest.fixture(scope="module")
def found(place: Path) -> dict[str, Any]:
    run = place / "run"
    rivals = read_rivals(run, run / crossval.ALONE, None, [f"itself={run}"])
    return evaluation(run, place / "ws", SETTINGS, rivals)


def test_folds_can_be_done_one_by_one_and_compared(place: Path, tmp_path: Path) -> None:
    asked, whole = (place / "tiny.toml", place / "ws", place / "asked"), crossval.predictions_of(place / "run")
    with pytest.raises(DataError, match=r"fold 2: .* 0 to 1"):
        crossval.run(*asked, tmp_path / "part", only=[2])
    part = crossval.run(*asked, tmp_path / "part", only=[1])
    assert not (tmp_path / "part" / crossval.ALONE).exists()
    assert set(part.sha256) == {sha for sha, fold in zip(whole.sha256, whole.fold, strict=True) if fold == 1}
    again = crossval.predictions_of(tmp_path / "part")
    assert again.sha256 == part.sha256
    assert np.array_equal(again.logits, part.logits)
    with pytest.raises(DataError, match="no predictions"):
        crossval.predictions_of(tmp_path)


def test_every_figure_of_a_run(place: Path, found: dict[str, Any]) -> None:
    run = place / "run"
    rows = [row for fold in range(2) for row in read_answers(run / FOLDER / f"fold{fold}.parquet")]
    tests = {name: [row for row in rows if row.asked.test == name] for name in ("alone", "history", "refuse")}
    assert len(tests["alone"]) == len(tests["history"]) == 24
    assert found["refusal"]["cannot be judged"]["pictures"] == len(tests["refuse"]) >= 4
    drawn = [one for one in tests["refuse"] if ":" in one.asked.sha256]
    assert found["refusal"]["no photograph of skin"]["pictures"] == len(drawn) > 0
    assert found["consistency"]["trained"]["wordings"] == 18
    assert found["accuracy"]["with_healthy"]["photos"] == 24
    one = found["ablations"]["rash_only"]["differences"][0]
    assert (one["auroc"]["value"], one["accuracy"]["value"]) == (0.0, 0.0)  # a run is no better than itself
    assert json.loads((run / FOLDER / "figures.json").read_text(encoding="utf-8"))["phantoms"] == found["phantoms"]
    assert len({what for what, _, _ in lines(found)}) == len(list(lines(found)))


@pytest.mark.usefixtures("found")
def test_a_photograph_alone_is_judged_as_in_the_cross_validation(place: Path) -> None:
    rows = [row for fold in range(2) for row in read_answers(place / "run" / FOLDER / f"fold{fold}.parquet")]
    said = {row.asked.sha256: row for row in rows if row.asked.test == "alone"}
    p = crossval.Predictions.read(place / "run" / crossval.ALONE)
    assert {sha: row.asked.fold for sha, row in said.items()} == dict(zip(p.sha256, p.fold.tolist(), strict=True))
    kept = dict(zip(p.sha256, (p.logits[:, 0] - p.logits[:, 1]).tolist(), strict=True))
    assert {sha: row.log_odds for sha, row in said.items()} == pytest.approx(kept, abs=2e-2)  # adapters in 16 bits


@pytest.mark.usefixtures("found")
def test_what_is_done_is_not_done_again_and_the_command_prints_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Judge, "logits", never)
    numbers = {"worded": 4, "spoilt": 3, "drawn": 4, "described": 2}
    options = [text for name, count in numbers.items() for text in (f"--{name}", str(count))]
    paths = ["--data", str(place / "ws")]
    shown = CliRunner().invoke(vlm, ["evaluate", str(place / "run"), *paths, *options], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "divergence" in shown.output  # which a narrow terminal wraps


def test_a_folder_of_another_recipe_is_refused(place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    (run / "recipe.toml").write_text(RECIPE.replace("rank = 2", "rank = 3"), encoding="utf-8")
    rivals = read_rivals(run, None, None, [])
    with pytest.raises(DataError, match="its recipe was changed since"):
        evaluation(run, place / "ws", SETTINGS, rivals)
    with pytest.raises(DataError, match="no run"):
        evaluation(tmp_path, place / "ws", SETTINGS, rivals)
    with pytest.raises(DataError, match="NAME=FOLDER"):
        read_rivals(place / "run", None, None, ["no-clip"])


def test_questions_are_the_same_again_and_histories_possible(place: Path) -> None:
    recipe, manifest, frequencies = load(place / "tiny.toml"), Workspace(place / "ws").clean(), load_frequencies()
    shown = photographs(recipe, manifest)
    asked = asked_of(shown, frequencies, SETTINGS)
    assert asked == asked_of(shown, frequencies, SETTINGS)
    other = [one for one in asked_of(shown, frequencies, replace(SETTINGS, seed=12)) if one.test == "history"]
    assert other != [one for one in asked if one.test == "history"]
    first = {one.sha256: one for one in asked if one.test == "history"}
    for one in asked:
        if one.test == "flipped":
            before, after = first[one.sha256].history, one.history
            assert replace(before, **{one.about: not getattr(before, one.about)}) == after
            logs = log_likelihoods(after, frequencies, "2022")
            assert min(logs.pop("mpox"), max(logs.values())) > float("-inf")
    assert any(one.test == "flipped" for one in asked)


def test_the_judge_says_what_predict_says(place: Path) -> None:
    recipe, manifest = load(place / "tiny.toml"), Workspace(place / "ws").clean()
    asked = [one for one in asked_of(photographs(recipe, manifest), load_frequencies(), SETTINGS) if not one.altered]
    asked = [one for one in asked if one.test in ("history", "trained")][::3]
    model, tokenizer = made()
    pictures = [Picture(one.sha256) for one in asked]
    features = visual_features(model, pictures, manifest.paths, place / "plain.parquet", views=1)
    logits = Judge(model, tokenizer, features).logits(asked)
    prompts = [Prompt(Picture(one.sha256).key, one.question, history_text(one.history)) for one in asked]
    assert (logits[:, 0] - logits[:, 1]).tolist() == pytest.approx(
        predict(model, tokenizer, prompts, features).tolist(), abs=1e-4
    )
