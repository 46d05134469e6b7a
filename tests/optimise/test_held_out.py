"""Folds are written one by one, and each judges what it did not learn from."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests import tiny

from mpoxlens.bundle import Bundle, Outputs
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.optimise.held_out import Folds, held_out, joined, judged_by
from mpoxlens.optimise.precision import write
from mpoxlens.optimise.prove import described
from mpoxlens.optimise.source import Photographs, Source
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.recipe import ModelRecipe

COUNT, FOLDS = 70, 2
LABELS = ("healthy", "mpox")


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    pixels = [draw(i, size=72, count=12 * (i % 2)).pixels for i in range(COUNT)]
    records = [ImageRecord(f"{i}", f"{i}.png", LABELS[i % 2], "drawn", None, 72, 72, f"c{i}") for i in range(COUNT)]
    return Photographs(pixels, tuple(records))


@pytest.fixture(scope="module")
def networks() -> dict[int, Classifier]:
    found: dict[int, Classifier] = {}
    for k in range(FOLDS):
        torch.manual_seed(k)
        recipe = ModelRecipe(backbone="test_efficientnet", weights="none", frozen_blocks=0, size=64)
        found[k] = create(recipe, 4).eval()  # type: ignore[assignment]
    return found


@pytest.fixture(scope="module")
def source(networks: dict[int, Classifier], tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(networks[0], Bundle.load(tiny.build(tmp_path_factory.mktemp("bundle") / "bundle")), ())


def dealt(networks: dict[int, Classifier]) -> Folds:
    """Photograph i was not learned from by the network of i % 2 // 1 … by fours, so that both labels are in both."""
    return Folds(networks, {f"{i}": i // 2 % FOLDS for i in range(COUNT)})


def test_files_that_are_the_float_network_differ_in_nothing(
    source: Source, networks: dict[int, Classifier], photographs: Photographs
) -> None:
    folds, judge, made = dealt(networks), judged_by(".onnx"), []

    def make(network: Classifier, calibration: Floats) -> bytes:
        made.append((network, len(calibration)))
        return write(network, 64, "fp32", None, {"labels": []})

    found = held_out(source, folds, photographs, make, judge)
    assert [(network is networks[k], count) for k, (network, count) in enumerate(made)] == [(True, 34), (True, 36)]
    assert (found.folds, found.found.photos, found.found.same_side) == (2, COUNT, 1.0)
    assert found.found.max_difference < 1e-5
    assert found.auroc.value == pytest.approx(found.float_auroc.value, abs=1e-6)


def test_each_photograph_is_judged_by_the_network_that_has_not_seen_it(
    source: Source, networks: dict[int, Classifier], photographs: Photographs
) -> None:
    """The judge knows nothing but the file, which here is its fold's number; fold 0 says mpox, fold 1 does not."""
    truth = {"0": [], "1": []}  # type: ignore[var-annotated]

    def judge(content: bytes, batch: Floats) -> Outputs:
        truth[content.decode()].append(len(batch))
        odds = 5.0 if content == b"0" else -5.0
        logits = np.tile(np.array([odds, 0, 0, 0], np.float32), (len(batch), 1))
        return Outputs(logits, np.repeat(logits[:, :, None, None], 4, axis=3), np.zeros((len(batch), 2), np.float32))

    names = {id(network): str(k).encode() for k, network in networks.items()}
    found = held_out(source, dealt(networks), photographs, lambda network, _: names[id(network)], judge)
    golden = len(source.golden())
    assert truth == {"0": [36, golden], "1": [34, golden]}
    # Both labels say the same of half their photographs: 35 mpox, of which 18 lie in fold 0 as 18 of 35 others do.
    assert found.auroc.value == pytest.approx(0.5)
    assert found.bytes == 1


def test_photographs_of_another_run_are_refused(
    source: Source, networks: dict[int, Classifier], photographs: Photographs
) -> None:
    folds = Folds(networks, {f"{i}": i % FOLDS for i in range(COUNT - 3)})
    with pytest.raises(DataError, match="--data: 3 of its photographs are not of the run"):
        held_out(source, folds, photographs, lambda *_: b"", judged_by(".onnx"))


def test_a_fold_that_learned_from_few_is_refused(
    source: Source, networks: dict[int, Classifier], photographs: Photographs
) -> None:
    folds = Folds(networks, {f"{i}": int(i > 9) for i in range(COUNT)})
    with pytest.raises(DataError, match="fold 1: it learned from 10 photographs, and int8 ranges need 32"):
        held_out(source, folds, photographs, lambda *_: b"0", lambda _, x: joined([tiny_outputs(len(x))]))


def tiny_outputs(count: int) -> Outputs:
    return Outputs(*(np.zeros((count, *shape), np.float32) for shape in ((4,), (4, 1, 1), (2,))))


def test_a_description_is_of_its_own_file(tmp_path: Path) -> None:
    file = tmp_path / "a.onnx"
    file.write_bytes(b"graph")
    with pytest.raises(DataError, match=r"a\.onnx: no readable a\.onnx\.json beside it"):
        described(file)
    about = {
        "runtime": "onnx",
        "precision": "fp32",
        "bundle_sha256": "0",
        "sha256": hashlib.sha256(b"graph").hexdigest(),
    }
    (tmp_path / "a.onnx.json").write_text(json.dumps(about))
    assert described(file).about["precision"] == "fp32"
    file.write_bytes(b"another")
    with pytest.raises(DataError, match="describes another file"):
        described(file)
