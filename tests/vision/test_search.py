"""A real study on drawings: what it sees, what it leaves, how it goes on, and two processes at one study."""

import csv
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import small

from mpoxlens.datasets.manifest import Manifest, write_manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import CheckpointError, DataError, RecipeError, TrainingError
from mpoxlens.vision import search
from mpoxlens.vision.crossval import each_fold
from mpoxlens.vision.plan import plan
from mpoxlens.vision.recipe import Recipe, load

SPACE = """
[search]
trials = {trials}
inner_folds = 2
[search.space]
"train.inverse_penalty" = [0.001, 1.0, "log"]
"""
CODE = """
import sys
from pathlib import Path
import torch
from mpoxlens.vision import search
torch.set_num_threads(1)
search.run(*map(Path, sys.argv[1:4]))
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as `mpoxlens data apply` leaves it."""
    root = tmp_path_factory.mktemp("photos")
    place = Workspace(tmp_path_factory.mktemp("work"))
    write_manifest(small.manifest(root), place.table("manifest"))
    write_manifest(small.manifest(root), place.table("clean"), place.state("clean"))
    return place.path


def written(folder: Path, trials: int) -> Path:
    return small.written(folder / "search.toml", SPACE.format(trials=trials))


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_search_sees_nothing_of_the_fold_held_out_and_goes_on_where_it_stopped(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, set[str]]] = []

    def spy(recipe: Recipe, manifest: Manifest, *rest: object) -> Iterator[object]:
        seen.append((Path(str(rest[1])).parent.name, {r.group for r in manifest.records}))
        yield from each_fold(recipe, manifest, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "each_fold", spy)
    recipe, out = written(tmp_path, 2), tmp_path / "out"
    found = search.run(recipe, work, out)
    manifest = Workspace(work).clean()
    held_out = {manifest.records[i].group for i in plan(load(recipe), manifest)[0].unseen}
    trials = [groups for folder, groups in seen if folder == "trials"]
    assert len(trials) == 2
    assert not any(held_out & groups for groups in trials)
    assert found["held_out"]["best"]["photos"] == 8  # a fold of 24 photographs has 12, 4 of them healthy

    best = load(out / "best.toml")
    assert best.train.inverse_penalty == found["best"]["settings"]["train.inverse_penalty"]
    assert replace(best.train, inverse_penalty=0.1) == load(recipe).train
    table = rows(out)
    assert [float(row["auroc"]) for row in table] == sorted((float(row["auroc"]) for row in table), reverse=True)
    assert float(table[0]["auroc"]) == found["best"]["auroc"]
    assert {row["trial"]: row["train.inverse_penalty"] for row in table}["0"] == "0.1"  # the recipe as it is
    assert json.loads((out / "search.json").read_text()) == found

    seen.clear()
    search.run(written(tmp_path, 3), work, out)  # one more
    assert len([folder for folder, _ in seen if folder == "trials"]) == 1
    assert {row["trial"] for row in rows(out)} == {"0", "1", "2"}
    seen.clear()
    search.run(written(tmp_path, 3), work, out)  # no more
    assert [folder for folder, _ in seen if folder == "trials"] == []


def test_another_search_in_the_folder_is_refused(work: Path, tmp_path: Path) -> None:
    recipe, out = written(tmp_path, 1), tmp_path / "out"
    search.run(recipe, work, out)
    recipe.write_text(recipe.read_text().replace("0.001, 1.0", "0.01, 1.0"))
    with pytest.raises(CheckpointError, match=r"it holds a run of another recipe than search\.toml as it is now"):
        search.run(recipe, work, out)


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("trials.db", "--storage: no URL of a database; give one such as sqlite:///"),
        ("sqlite:////no/such/folder/trials.db", "--storage sqlite:////no/such/folder/trials.db: cannot be used"),
        ("nosuch://me:secret@host/trials", r"--storage nosuch://me:\*\*\*@host/trials: cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_without_its_password(
    work: Path, tmp_path: Path, storage: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as refused:
        search.run(written(tmp_path, 1), work, tmp_path / "out", storage)
    assert "secret" not in str(refused.value)


def test_too_few_clusters_for_the_inner_folds_are_refused_before_any_trial(work: Path, tmp_path: Path) -> None:
    recipe = written(tmp_path, 1)
    recipe.write_text(recipe.read_text().replace("inner_folds = 2", "inner_folds = 3"))
    with pytest.raises(
        DataError, match=r"2 clusters are too few for 3 folds; add photographs, or set search\.inner_folds to 2"
    ):
        search.run(recipe, work, tmp_path / "out")
    assert not (tmp_path / "out" / "study.sqlite3").exists()


def test_a_setting_that_does_not_exist_is_refused_before_the_data_are_read(tmp_path: Path) -> None:
    recipe = written(tmp_path, 1)
    recipe.write_text(recipe.read_text().replace("train.inverse_penalty", "train.inverse_penalti"))
    with pytest.raises(RecipeError, match=r"did you mean 'train\.inverse_penalty'"):
        search.run(recipe, tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.slow
def test_a_trial_whose_loss_is_not_finite_is_told_and_does_not_end_the_search(work: Path, tmp_path: Path) -> None:
    recipe = written(tmp_path, 1)
    text = recipe.read_text().replace('mode = "frozen"', "lr = 1e30").replace("epochs = 2", "epochs = 4")
    recipe.write_text(text.replace('"train.inverse_penalty" = [0.001, 1.0, "log"]', '"train.lr" = [1e29, 1e30, "log"]'))
    with pytest.raises(TrainingError, match=r"none of its 1 trials came to an end; .* the loss is not finite"):
        search.run(recipe, work, tmp_path / "out")


@pytest.mark.slow
def test_two_processes_share_a_study(work: Path, tmp_path: Path) -> None:
    recipe, out = written(tmp_path, 8), tmp_path / "out"
    command = [sys.executable, "-c", CODE, str(recipe), str(work), str(out)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    table = rows(out)
    assert 8 <= len(table) <= 9  # each process may have one under way when the last is done
    assert len({row["train.inverse_penalty"] for row in table}) == len(table)  # no two drew the same
    (name,) = optuna.get_all_study_names(f"sqlite:///{out / 'study.sqlite3'}")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{out / 'study.sqlite3'}")
    assert sorted(t.number for t in study.trials) == list(range(len(table)))
    best = tomllib.loads((out / "best.toml").read_text())
    assert best["train"]["inverse_penalty"] == float(table[0]["train.inverse_penalty"])
