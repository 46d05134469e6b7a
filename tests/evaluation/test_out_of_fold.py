"""Each photograph is judged by the network that has not seen it: here two networks with weights by chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from judges import photographs

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import CheckpointError, DataError
from mpoxlens.evaluation.judge import judged
from mpoxlens.evaluation.out_of_fold import OutOfFoldJudge
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vision.backbones import create
from mpoxlens.vision.checkpoint import NETWORK, keep
from mpoxlens.vision.data import inputs
from mpoxlens.vision.fit import predict, preprocess_of
from mpoxlens.vision.recipe import DataRecipe, ModelRecipe, Recipe

COUNT = 16
RECIPE = Recipe(
    Path("made.toml"),
    DataRecipe(labels=("mpox", "measles"), without=()),
    ModelRecipe(backbone="tf_efficientnet_lite0", weights="none", frozen_blocks=0, size=64),
)
PICTURES = [draw(i, count=2 * i, tone=50 - 5 * i, size=96).pixels for i in range(COUNT)]
SAMPLE = photographs(PICTURES, [i % 2 == 0 for i in range(COUNT)])
FOLD = np.array([0, 0, 1, 1] * 4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as training leaves it; do not alter it."""
    folder = tmp_path_factory.mktemp("run")
    logits = np.zeros((COUNT, 2), np.float32)
    for k in (0, 1):
        torch.manual_seed(k)
        network = create(RECIPE.model, 2).eval()
        network.head.weight.data *= 30  # so that the two differ by more than the tolerance
        found, embedding = predict(network, inputs(PICTURES, preprocess_of(network, 64)))
        logits[k == FOLD] = found[k == FOLD]
        (folder / f"fold{k}").mkdir()
        keep(network, folder / f"fold{k}")
        np.savez(folder / f"fold{k}" / "outputs.npz", logits=found, embedding=embedding)
    rows = np.arange(COUNT, dtype=np.int64)
    strange = 1 + 0.01 * rows
    predictions = Predictions(
        ("mpox", "measles"), SAMPLE.key, rows % 2, SAMPLE.cluster, FOLD, np.zeros_like(rows), logits, strange
    )
    predictions.write(folder / "predictions.parquet")
    return folder


@pytest.fixture(scope="module")
def judge(run: Path) -> OutOfFoldJudge:
    return OutOfFoldJudge(run, RECIPE)


def altered(run: Path, folder: Path) -> Path:
    for file in run.rglob("*.*"):
        copy = folder / file.relative_to(run)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return folder


def test_each_is_judged_by_the_network_that_has_not_seen_it(run: Path, judge: OutOfFoldJudge) -> None:
    judge.check(PICTURES, SAMPLE.key)  # the very logits that the run recorded out of fold
    _, found = judged(judge, SAMPLE)
    table = Predictions.read(run / "predictions.parquet")
    for k in (0, 1):
        own = table.fold == k
        p = judge.rules[k].calibration.probabilities(table.logits[own], 0)[:, 0]
        np.testing.assert_allclose(found.probability[own], p, atol=1e-4)


def test_rules_are_fitted_on_the_other_folds(judge: OutOfFoldJudge) -> None:
    for k in (0, 1):
        strange = (1 + 0.01 * np.arange(COUNT))[k != FOLD]
        assert judge.rules[k].ood.threshold == pytest.approx(np.quantile(strange, RECIPE.bundle.strange))


def test_their_order_changes_nothing(judge: OutOfFoldJudge) -> None:
    first = judge.judge(PICTURES, SAMPLE.key)
    second = judge.judge(PICTURES[::-1], SAMPLE.key[::-1])
    np.testing.assert_allclose(first.probability, second.probability[::-1], atol=1e-6)
    assert first.decision == second.decision[::-1]


def test_a_picture_of_no_fold_has_one_judge_for_good(judge: OutOfFoldJudge) -> None:
    assert judge.fold_of(SAMPLE.key[2]) == 1
    folds = [judge.fold_of(f"strange {i}") for i in range(20)]
    assert set(folds) == {0, 1}
    assert folds == [judge.fold_of(f"strange {i}") for i in range(20)]


def test_other_pixels_than_the_run_saw_are_noticed(judge: OutOfFoldJudge) -> None:
    with pytest.raises(DataError, match=r"differ by .* from those that the run recorded"):
        judge.check([255 - PICTURES[0]], SAMPLE.key[:1])
    with pytest.raises(DataError, match="not of this run"):
        judge.check([PICTURES[0]], ["another"])


def test_networks_of_another_fold_are_noticed(run: Path, tmp_path: Path) -> None:
    folder = altered(run, tmp_path)
    for name in (NETWORK, "outputs.npz"):
        (folder / "fold0" / name).write_bytes((run / "fold1" / name).read_bytes())
    with pytest.raises(DataError, match="does not belong to the table"):
        OutOfFoldJudge(folder, RECIPE)


def test_a_network_of_another_recipe_is_refused(run: Path) -> None:
    other = replace(RECIPE, model=replace(RECIPE.model, backbone="tf_efficientnet_lite1"))
    with pytest.raises(CheckpointError, match="damaged, or of another recipe"):
        OutOfFoldJudge(run, other)


@pytest.mark.parametrize(("name", "error"), [(NETWORK, CheckpointError), ("outputs.npz", DataError)])
def test_what_is_damaged_or_missing_is_named(run: Path, tmp_path: Path, name: str, error: type[Exception]) -> None:
    folder = altered(run, tmp_path)
    path = folder / "fold1" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(error, match=name):
        OutOfFoldJudge(folder, RECIPE)
    path.unlink()
    with pytest.raises(error, match=name):
        OutOfFoldJudge(folder, RECIPE)
