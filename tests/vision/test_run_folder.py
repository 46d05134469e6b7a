"""What is refused leaves a run as it was and claims nothing; what can be known early is told early."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import small
from click.testing import CliRunner
from safetensors.numpy import save_file

from mpoxlens import cli_vision
from mpoxlens.errors import CheckpointError, DataError, RecipeError, WeightsError
from mpoxlens.vision import crossval, run_folder
from mpoxlens.vision.mae.leak import MARK
from mpoxlens.vision.recipe import load
from mpoxlens.vision.run_folder import opened


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    flat, root = tmp_path_factory.mktemp("flat"), tmp_path_factory.mktemp("photos")
    for record in small.manifest(flat).records:
        (root / record.label).mkdir(exist_ok=True)
        shutil.copy(flat / record.path, root / record.label / record.path)
    return root


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    crossval.run(small.written(folder / "small.toml"), photos, folder / "out")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def changed(photos: Path, folder: Path) -> Path:
    """A copy of the photographs in which one lies among another label's."""
    shutil.copytree(photos, folder)
    (folder / "healthy" / "healthy0.png").rename(folder / "mpox" / "healthy0.png")
    return folder


@pytest.mark.parametrize("claimed", [True, False])
def test_other_photographs_leave_a_run_as_it_was(done: Path, photos: Path, tmp_path: Path, claimed: bool) -> None:
    out = tmp_path / "out"
    shutil.copytree(done / "out", out)
    if not claimed:  # a run of before photographs were claimed
        (out / "data.sha256").unlink()
    before = contents(out)
    with pytest.raises(
        CheckpointError, match=r"it holds a run of other photographs or labels than those in .*other; name"
    ):
        crossval.run(done / "small.toml", changed(photos, tmp_path / "other"), out)
    assert contents(out) == before
    crossval.run(done / "small.toml", photos, out)


def test_a_finished_cross_validation_says_again_what_it_found_and_where_it_is(done: Path, photos: Path) -> None:
    out = done / "out"
    said = CliRunner().invoke(cli_vision.crossval, [f"{done / 'small.toml'}", "--data", f"{photos}", "--out", f"{out}"])
    assert "AUROC, rash only" in said.output
    assert f"predictions: {out / 'predictions.parquet'}\nfigures: {out / 'figures.json'}\n" in said.output


def test_another_workspace_is_refused_too(done: Path, photos: Path, tmp_path: Path) -> None:
    with opened(load(done / "small.toml"), changed(photos, tmp_path / "other"), tmp_path / "out") as work:
        given = work.workspace.path
        shutil.copytree(done / "out", tmp_path / "run")
        before = contents(tmp_path / "run")
        with pytest.raises(CheckpointError, match="it holds a run of other photographs, labels or clusters than"):
            crossval.run(done / "small.toml", given, tmp_path / "run")
    assert contents(tmp_path / "run") == before


def test_what_was_refused_before_any_fit_leaves_the_folder_free(photos: Path, tmp_path: Path) -> None:
    wrong = small.written(tmp_path / "wrong.toml", toml=small.TOML.replace("folds = 2", "folds = 9"))
    with pytest.raises(DataError, match="8 clusters are too few for 9 folds"):
        crossval.run(wrong, photos, tmp_path / "out")
    recipe = small.written(tmp_path / "right.toml")
    with opened(load(recipe), photos, tmp_path / "out"):
        assert (tmp_path / "out" / "recipe.sha256").exists()
    assert not list((tmp_path / "out").glob("recipe.*"))
    with opened(load(small.written(tmp_path / "other.toml", "seed = 3\n")), photos, tmp_path / "out"):
        pass


def test_a_recipe_that_lies_in_the_folder_stays_there(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    recipe = small.written(tmp_path / "out" / "recipe.toml")
    with opened(load(recipe), photos, tmp_path / "out"):
        pass
    assert recipe.read_text() == small.TOML
    assert not (tmp_path / "out" / "recipe.sha256").exists()


@pytest.mark.parametrize(
    ("labels", "weights", "message"),
    [
        ('["mpox", "healthy", "orf"]', "none", "label 'chickenpox' is not in the recipe's data.labels"),
        ('["mpox", "chickenpox", "healthy", "orf"]', "none", "label orf: no photograph has it"),
        ('["mpox", "chickenpox", "healthy"]', "encoder.safetensors", "never compared with those that it has seen"),
    ],
)
def test_what_can_be_known_early_is_told_before_copies_are_sought(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: str, weights: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    encoder(Path("encoder.safetensors"))
    monkeypatch.setattr(run_folder, "duplicates", lambda *_, **__: pytest.fail("copies were sought"))
    toml = small.TOML.replace('["mpox", "chickenpox", "healthy"]', labels).replace('"none"', f'"{weights}"')
    recipe = load(small.written(tmp_path / "early.toml", toml=toml))
    with pytest.raises(DataError, match=re.escape(message)), opened(recipe, photos, tmp_path / "out"):
        pass
    assert not (tmp_path / "out" / "recipe.sha256").exists()


@pytest.mark.parametrize(
    ("backbone", "meant"), [("efficientnet_b00", "efficientnet_b0"), ("clip-vit-b", "clip-vit-b16")]
)
def test_a_network_that_nobody_knows_is_told_before_a_photograph_is_read(
    tmp_path: Path, backbone: str, meant: str
) -> None:
    recipe = small.written(tmp_path / "early.toml", toml=small.TOML.replace("test_efficientnet", backbone))
    with pytest.raises(WeightsError, match=f"{backbone}': timm does not know it; did you mean '{meant}'"):
        crossval.run(recipe, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def encoder(path: Path) -> None:
    """Write what looks like an encoder that has seen photographs which nobody compared with any others."""
    save_file({"w": np.zeros(1, np.float32)}, path, {MARK: "see the .json beside it"})
    about = {"saw": ["a"], "apart": [], "encoder_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(about))


def test_where_nothing_was_done_nothing_but_the_lock_is_left(tmp_path: Path) -> None:
    recipe = small.written(tmp_path / "small.toml")
    with pytest.raises(DataError):
        crossval.run(recipe, tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(RecipeError):
        crossval.run(tmp_path / "gone.toml", tmp_path / "nowhere", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_refused_command_leaves_the_claim_of_a_run_that_has_no_result_yet(photos: Path, tmp_path: Path) -> None:
    mine = load(small.written(tmp_path / "mine.toml"))
    other = load(small.written(tmp_path / "other.toml", toml=small.TOML.replace("epochs = ", "epochs = 1")))
    assert other.sha256 != mine.sha256
    with opened(mine, photos, tmp_path / "out"):  # in its first epoch
        claims = {name: (tmp_path / "out" / name).read_text() for name in ("recipe.sha256", "data.sha256")}
        for _ in range(2):
            with pytest.raises(CheckpointError, match="another recipe"), opened(other, photos, tmp_path / "out"):
                pass
        assert {name: (tmp_path / "out" / name).read_text() for name in claims} == claims
    assert not (tmp_path / "out" / "recipe.sha256").exists()
