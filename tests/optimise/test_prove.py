"""A written file judged on the folds of its run, and in a browser; what is found stands in its description."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests import tiny

from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, TrainingError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.optimise import browser, precision, write
from mpoxlens.optimise.prove import Proven, described, prove, show
from mpoxlens.optimise.source import open_source, read_photographs
from mpoxlens.vision.backbones import create
from mpoxlens.vision.checkpoint import keep
from mpoxlens.vision.data import inputs
from mpoxlens.vision.fit import predict
from mpoxlens.vision.recipe import load

RECIPE = """
[model]
backbone = "test_efficientnet"
weights = "none"
frozen_blocks = 0
size = 64
"""
COUNT = 72
LABELS = ("chickenpox", "mpox")
DIST = Path(__file__).parents[2] / "web" / "node_modules" / "onnxruntime-web" / "dist"


@dataclass(frozen=True)
class Made:
    """A run whose networks have weights by chance, its workspace, and a file written from it."""

    run: Path
    work: Path
    file: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    work = workspace(folder)
    run = folder / "run"
    (run / "final").mkdir(parents=True)
    (run / "recipe.toml").write_text(RECIPE)
    torch.manual_seed(5)
    keep(create(load(run / "recipe.toml").model, 4), run / "final")
    tiny.build(run / "bundle")
    source, found = open_source(run), read_photographs(work)
    folds(run, inputs(found.pixels, source.spec.preprocess), [(r.sha256, r.label, r.group) for r in found.records])
    checked = write.checked_on(source, found)
    done = write.write_variant(source, precision.write, "onnx", "fp32", None, checked, folder / "phone")
    return Made(run, work, done.file)


def workspace(folder: Path) -> Path:
    for i in range(COUNT):
        photos = folder / "photos" / LABELS[i % 2]
        photos.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(i, size=96, count=12 * (i % 2)).pixels).save(photos / f"{i}.png")
    work = Workspace(folder / "work")
    ingest(work, [folder / "photos"])
    duplicates(work)
    apply(work)
    return work.path


def folds(run: Path, batch: np.ndarray, known: list[tuple[str, str, str]]) -> None:
    """Two folds as training leaves them; clusters stay whole, and both labels are in both."""
    recipe = load(run / "recipe.toml")
    sha256, labels, groups = zip(*known, strict=True)
    fold = np.array([sum(map(ord, group)) % 2 for group in groups])
    logits = np.zeros((len(known), 4), np.float32)
    for k in (0, 1):
        torch.manual_seed(k)
        network = create(recipe.model, 4).eval()
        found, embedding = predict(network, batch)
        logits[fold == k] = found[fold == k]
        (run / f"fold{k}").mkdir()
        keep(network, run / f"fold{k}")
        np.savez(run / f"fold{k}" / "outputs.npz", logits=found, embedding=embedding)
    target = np.array([recipe.data.labels.index(label) for label in labels])
    strange = 1 + 0.01 * np.arange(len(known))
    nothing = np.zeros(len(known), np.int64)
    table = Predictions(recipe.data.labels, sha256, target, groups, fold, nothing, logits, strange)
    table.write(run / "predictions.parquet")


@pytest.mark.slow
def test_a_file_is_judged_on_the_folds_of_its_run(made: Made) -> None:
    proven = prove(made.file, made.run, made.work, None)
    held_out = described(made.file).about["held_out"]
    show(proven, made.file)
    assert (held_out["folds"], held_out["passes"], held_out["reasons"]) == (2, True, [])
    assert held_out["parity"]["photos"] == len(read_photographs(made.work).records)
    assert held_out["parity"]["agreement"] == 1.0
    assert held_out["auroc"] == held_out["float_auroc"]
    assert abs(held_out["bytes"] - made.file.stat().st_size) < 4096  # the same network with other weights
    assert proven.told[-1].startswith("out of fold AUROC 0.")


@pytest.mark.slow
@pytest.mark.skipif(not (DIST / browser.PARTS[0]).is_file(), reason="the page's packages are missing: run `make web`")
def test_a_file_is_judged_in_a_browser(made: Made) -> None:
    pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    try:
        proven = prove(made.file, made.run, made.work, DIST)
    except DataError as error:
        if error.what != "Chromium":
            raise
        pytest.skip(str(error))
    web = described(made.file).about["web"]
    assert proven.failed == []
    assert web["parity"]["max_difference"] < 1e-4
    assert web["p50_ms"] > 0
    assert described(made.file).about["precision"] == "fp32"  # what stood there before stays


@pytest.mark.slow
def test_what_cannot_be_judged_is_one_line(made: Made, tmp_path: Path) -> None:
    tampered = tmp_path / made.file.name
    tampered.write_bytes(made.file.read_bytes())
    about = described(made.file).about
    for changes, web, says in (
        ({"bundle_sha256": "0" * 64}, None, "it was not written from"),
        ({"precision": "qat-int8"}, None, "each fold would have to be readied for int8 by a training of its own"),
        ({"precision": "int3"}, None, "no readable"),
        ({}, tmp_path, r"it holds no ort\.wasm|not on the path"),
    ):
        (tmp_path / f"{tampered.name}.json").write_text(json.dumps(about | changes))
        with pytest.raises(DataError, match=says):
            prove(tampered, made.run, made.work, web)


def test_a_file_that_fails_its_bar_ends_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proven = Proven("held_out", {}, ["AUROC falls by 0.0200, at most 0.005 is allowed"], ["70 photographs"])
    with pytest.raises(TrainingError, match=r"a\.onnx: AUROC falls by 0\.0200"):
        show(proven, Path("a.onnx"))
    assert "70 photographs" in capsys.readouterr().out
