"""The whole of it, on drawings: what is seen, what is left out, and the encoder that a recipe can name."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mae_drawn import drawings, write_recipe
from PIL import Image
from safetensors.torch import load_file, save_file

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.progress import silent
from mpoxlens.errors import DataError, RecipeError
from mpoxlens.vision.backbones import create
from mpoxlens.vision.crossval import cross_validate
from mpoxlens.vision.data import load_pixels
from mpoxlens.vision.mae import check_base_weights, check_unseen, continue_on, run
from mpoxlens.vision.mae.continuation import check_continuable, save_encoder
from mpoxlens.vision.recipe import load

pytestmark = pytest.mark.slow

TWO = """
import sys
from pathlib import Path
from mpoxlens.vision.mae import run

recipe, data, out = map(Path, sys.argv[1:])
run(recipe, [data], out)
"""


@pytest.fixture(scope="module")
def finished(unlabelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mae")
    return run(write_recipe(folder), [unlabelled], folder / "run")


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    for i, pixels in enumerate(drawings(8, first=50, size=128)):
        folder = tmp_path / "labelled" / ("mpox" if i % 2 else "measles")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    found = collect([tmp_path / "labelled"])
    return replace(found, records=clustered(found, []))


def test_the_encoder_is_what_was_trained_and_a_recipe_can_name_it(finished: Path) -> None:
    recipe = load(next(finished.parent.parent.glob("*.toml")))
    named = create(replace(recipe.model, weights=str(finished)), 4).backbone.state_dict()
    trained = torch.load(finished.with_name("checkpoint.pt"), weights_only=True)["model"]
    kept = {name.removeprefix("backbone."): t for name, t in trained.items() if name.startswith("backbone.")}
    assert set(named) == set(kept) == set(load_file(finished))
    assert all(torch.equal(named[name], kept[name]) for name in kept)
    fresh = create(recipe.model, 4).backbone.state_dict()
    assert not all(torch.equal(named[name], fresh[name]) for name in kept)


@pytest.mark.parametrize(("backbone", "own"), [("test_vit", 160), ("vit_tiny_patch16_224", 224)])
def test_a_network_of_timm_is_continued_at_another_size_than_its_own(backbone: str, own: int, tmp_path: Path) -> None:
    recipe = load(write_recipe(tmp_path))
    recipe = replace(recipe, model=replace(recipe.model, backbone=backbone, size=64))
    check_continuable(recipe)
    start = create(recipe.model, 2)
    save_encoder(recipe, start, tmp_path / "encoder.safetensors")
    named = replace(recipe.model, weights=str(tmp_path / "encoder.safetensors"))
    assert torch.equal(create(named, 2).backbone.pos_embed, start.backbone.pos_embed)
    assert create(replace(named, size=96), 2).backbone.pos_embed.shape[1] == 1 + 36  # patches of 16 px
    assert create(replace(named, size=0), 2).backbone.patch_embed.img_size == (own, own)


def test_what_cannot_be_continued_is_refused_before_a_photograph_is_read(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[model]\nbackbone = "test_resnet"\nweights = "none"\nsize = 64\n')
    with pytest.raises(RecipeError, match=r"model\.backbone .*: no vision transformer"):
        run(wrong, [tmp_path / "nowhere"], tmp_path / "run")
    with pytest.raises(DataError):
        run(write_recipe(tmp_path), [tmp_path / "nowhere"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_provenance_lists_what_was_seen(finished: Path, unlabelled: Path) -> None:
    about = json.loads(finished.with_suffix(".json").read_text())
    assert about["saw"] == sorted(sha256(path) for path in unlabelled.iterdir())
    assert about["apart"] == []
    assert about["mae"]["mask"] == 0.75


def test_the_picture_shows_five_phantoms_three_times(finished: Path) -> None:
    picture = np.asarray(Image.open(finished.with_name("reconstruction.png")))
    assert picture.shape == (5 * 168 + 16, 3 * 168, 3)
    masked, drawn, original = (picture[:160, x : x + 160].astype(int) for x in (0, 168, 336))
    seen = (masked != 127).any(axis=2)
    assert seen.mean() == pytest.approx(0.25, abs=0.01)
    assert np.array_equal(masked[seen], original[seen])
    assert np.abs(drawn[seen] - original[seen]).max() == 0
    assert np.abs(drawn[~seen] - original[~seen]).max() > 0


def test_what_will_be_tested_on_is_left_out_with_its_copies(unlabelled: Path, tmp_path: Path) -> None:
    tested = tmp_path / "tested"
    tested.mkdir()
    (tested / "same.png").write_bytes((unlabelled / "0.png").read_bytes())
    with Image.open(unlabelled / "1.png") as image:
        image.resize((192, 192)).save(tested / "smaller.jpg", quality=80)
    encoder = run(write_recipe(tmp_path, epochs=1), [unlabelled], tmp_path / "run", apart=tested)
    saw = set(json.loads(encoder.with_suffix(".json").read_text())["saw"])
    assert saw == {sha256(unlabelled / f"{i}.png") for i in range(2, 8)}
    (tmp_path / "parent" / "mpox").mkdir(parents=True)
    for file in tested.iterdir():
        file.rename(tmp_path / "parent" / "mpox" / file.name)
    check_unseen(encoder, collect([tmp_path / "parent"]))


def test_a_fold_is_continued_on_its_training_side_alone(manifest: Manifest, tmp_path: Path) -> None:
    pixels = load_pixels(manifest.root, manifest.records)
    encoder = continue_on(load(write_recipe(tmp_path, 1)), manifest, pixels, range(6), tmp_path / "fold", silent)
    check_unseen(encoder, manifest, [6, 7])
    with pytest.raises(DataError, match=r"it has seen 1 of the photographs to be tested, or copies of them, .*\.png"):
        check_unseen(encoder, manifest, [5, 6])
    linked = replace(manifest, records=(*manifest.records[:7], replace(manifest.records[7], group="one")))
    linked = replace(linked, records=(replace(linked.records[0], group="one"), *linked.records[1:]))
    with pytest.raises(DataError, match="it has seen 1 of the photographs to be tested, or copies of them"):
        check_unseen(encoder, linked, [6, 7])
    with pytest.raises(DataError, match="its cluster one lies on both sides of the split"):
        continue_on(load(write_recipe(tmp_path, 1)), linked, pixels, range(6), tmp_path / "cut", silent)


def test_photographs_that_nobody_compared_are_refused(finished: Path, manifest: Manifest) -> None:
    why = "8 of the photographs to be tested were never compared with those that it has seen; continue in each fold"
    with pytest.raises(DataError, match=why):
        check_unseen(finished, manifest)


def test_cross_validation_from_an_encoder_that_has_seen_the_photographs_is_refused(
    finished: Path, manifest: Manifest, tmp_path: Path
) -> None:
    recipe = load(write_recipe(tmp_path))
    check_base_weights(recipe, manifest)  # from scratch
    encoder = replace(recipe, model=replace(recipe.model, weights=str(finished)))
    with pytest.raises(DataError, match="never compared with those that it has seen"):
        check_base_weights(encoder, manifest)
    with pytest.raises(DataError, match="never compared with those that it has seen"):
        cross_validate(encoder, manifest, [], tmp_path / "run", silent)
    assert not (tmp_path / "run").exists()
    other = tmp_path / "other.safetensors"
    save_file(load_file(finished), other)
    check_base_weights(replace(recipe, model=replace(recipe.model, weights=str(other))), manifest)


def test_an_encoder_without_its_provenance_is_refused(finished: Path, manifest: Manifest, tmp_path: Path) -> None:
    alone = tmp_path / "encoder.safetensors"
    alone.write_bytes(finished.read_bytes())
    with pytest.raises(DataError, match=r"encoder\.json: what the encoder has seen cannot be read from it"):
        check_unseen(alone, manifest)
    alone.with_suffix(".json").write_text(
        finished.with_suffix(".json").read_text().replace('_sha256": "', '_sha256": "0')
    )
    with pytest.raises(DataError, match=r"it belongs to another file than encoder\.safetensors"):
        check_unseen(alone, manifest)


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photograph in it; name a folder of photographs"):
        run(write_recipe(tmp_path), [tmp_path / "empty"], tmp_path / "run")


def test_two_processes_end_as_one_does(finished: Path, unlabelled: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mpoxlens.vision.mae import run; a = list(map(Path, sys.argv[1:]));"
    )
    script = tmp_path / "two.py"
    script.write_text(code.replace("; ", "\n") + "\nrun(a[0], [a[1]], a[2])\n")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    parts = [*launch, script, write_recipe(tmp_path), unlabelled, tmp_path / "run"]
    done = subprocess.run([str(part) for part in parts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, two = load_file(finished), load_file(tmp_path / "run" / finished.name)
    recipe = load(write_recipe(tmp_path))
    torch.manual_seed(recipe.train.seed)
    start = create(recipe.model, 2).backbone.state_dict()
    moved, apart = (sum(float((a[n] - b[n]).square().sum()) for n in one) ** 0.5 for a, b in ((one, start), (two, one)))
    assert apart < 0.2 * moved  # 16-bit rounding, which Adam makes much of where there is hardly a gradient
    losses = [json.loads(at.with_name("encoder.json").read_text())["loss"] for at in (finished, tmp_path / "run" / "x")]
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
