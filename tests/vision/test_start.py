"""Where a fit starts, and what is kept of where it ends."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from mpoxlens.datasets.phantom import draw
from mpoxlens.vision.backbones import create, preprocess_of
from mpoxlens.vision.checkpoint import NETWORK
from mpoxlens.vision.data import UNLABELLED, TrainingSet, inputs
from mpoxlens.vision.fit import fit
from mpoxlens.vision.probe import fit_probe
from mpoxlens.vision.recipe import DataRecipe, ModelRecipe, Recipe, TrainRecipe
from mpoxlens.vision.start import begun, blended, predict

MODEL = ModelRecipe("test_efficientnet", "none", 0, 64)
RECIPE = Recipe(
    Path("x.toml"),
    DataRecipe(("mpox", "other"), "mpox", ()),
    MODEL,
    TrainRecipe(start="probe", blend=0.25, inverse_penalty=0.1),
)
PIXELS = [draw(i, count=12 * (i % 2), size=64).pixels for i in range(8)]


def data(targets: list[int]) -> TrainingSet:
    return TrainingSet(PIXELS, targets, [f"c{i}" for i in range(8)], "identity")


def test_the_head_starts_as_the_probe_of_the_labelled_photographs() -> None:
    torch.manual_seed(0)
    model = begun(RECIPE, data([0, 1, 0, 1, 0, 1, UNLABELLED, UNLABELLED]))
    assert model.training
    batch = inputs(PIXELS, preprocess_of(model, 64))
    logits, features = predict(model.eval(), batch)
    probe = fit_probe(features[:6], [0, 1, 0, 1, 0, 1], ["c0", "c1", "c2", "c3", "c4", "c5"], RECIPE)
    np.testing.assert_allclose(logits, probe.logits(features), atol=1e-3)


def test_a_quarter_of_the_way_is_a_quarter_of_every_weight_and_statistic() -> None:
    torch.manual_seed(0)
    first, last = create(MODEL, 2).eval(), create(MODEL, 2).eval()
    for value in last.state_dict().values():
        if not value.dtype.is_floating_point:
            value.fill_(9)  # batches counted
    start, end = copy.deepcopy(first.state_dict()), copy.deepcopy(last.state_dict())
    kept = blended(start, last, 0.25).state_dict()
    for name, value in kept.items():
        floating = value.dtype.is_floating_point
        expected = 0.75 * start[name] + 0.25 * end[name] if floating else end[name]
        torch.testing.assert_close(value, expected, msg=name)
    whole = blended(start, first, 1.0).state_dict()
    assert all(torch.equal(whole[name], start[name]) for name in start)


def test_the_network_that_lies_in_the_folder_is_the_one_that_was_returned(tmp_path: Path) -> None:
    recipe = replace(RECIPE, train=replace(RECIPE.train, epochs=2, batch=4))
    returned = fit(recipe, data([0, 1] * 4), tmp_path).state_dict()
    kept = load_file(tmp_path / NETWORK)
    assert kept.keys() == returned.keys()
    assert all(torch.equal(kept[name], returned[name]) for name in kept)
    average = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["average"]
    assert not torch.equal(kept["head.weight"], average["head.weight"])  # which has not been moved back
