"""A teacher judges what the student sees, and none that knows what the student is judged on is let in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import CheckpointError, DataError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import ImageRecord
from mpoxlens.vision.backbones import create
from mpoxlens.vision.checkpoint import NETWORK, keep
from mpoxlens.vision.probe import Probe
from mpoxlens.vision.recipe import ModelRecipe
from mpoxlens.vision.teachers import Eye, Frozen, fitted, innocent, of_bundle, of_run
from tiny import LABELS, build

PIXELS = [draw(seed, size=64, tone=40.0 * seed - 20).pixels for seed in range(3)]
VIEWS = torch.from_numpy(np.stack(PIXELS)).permute(0, 3, 1, 2) / 255


def manifest(count: int) -> Manifest:
    """Photographs "0", "1", ...: two a cluster."""
    records = [
        ImageRecord(str(i), f"{i}.png", LABELS[i // 2 % 4], "", None, 64, 64, f"c{i // 2}") for i in range(count)
    ]
    return Manifest(Path(), tuple(records))


def judged(manifest: Manifest, folds: Sequence[int], repeat: Sequence[int] | None = None) -> Predictions:
    """The predictions of a run that had these folds."""
    records, n = manifest.records * (len(folds) // len(manifest.records)), len(folds)
    return Predictions(
        LABELS,
        tuple(r.sha256 for r in records),
        np.array([LABELS.index(r.label) for r in records]),
        tuple(r.group for r in records),
        np.array(folds),
        np.array(repeat or [0] * n),
        np.zeros((n, 4), np.float32),
        np.zeros(n),
    )


def test_a_bundle_sees_what_the_clinic_would_see_of_the_same_view(tmp_path: Path) -> None:
    teacher = of_bundle(build(tmp_path / "b"), LABELS, set())
    bundle = Bundle.load(tmp_path / "b")
    out = bundle.run(np.stack([bundle.spec.preprocess(p) for p in PIXELS]))
    logits, embedding = teacher(VIEWS)
    np.testing.assert_allclose(logits, out.logits, atol=1e-4)
    np.testing.assert_allclose(embedding, out.embedding, atol=1e-4)


def test_a_view_of_another_size_is_fitted() -> None:
    spec = Preprocess(2, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    view = torch.zeros(1, 3, 4, 4)
    view[:, :, :, 2:] = 1.0
    view[:, :, :2] *= 0.5
    # Each quarter is of one brightness: 0 and 0.5 above, 0 and 1 below. The filter is a tent of two pixels on either
    # side: from its centre at 1.0 the weights of three pixels are as 3 : 3 : 1, a seventh from across the middle.
    small = fitted(view, spec)
    left, right = 1 / 7, 6 / 7
    above, below = 6 / 7 * 0.5 + 1 / 7, 1 / 7 * 0.5 + 6 / 7
    expected = torch.tensor([[left * above, right * above], [left * below, right * below]])
    torch.testing.assert_close(small[0, 2], expected)
    torch.testing.assert_close(small[0, 1], (expected - 0.25) / 0.25)


def test_labels_in_another_order_are_put_in_the_students(tmp_path: Path) -> None:
    folder = build(tmp_path / "b")
    turned = tuple(reversed(LABELS))
    torch.testing.assert_close(
        of_bundle(folder, turned, set())(VIEWS)[0], of_bundle(folder, LABELS, set())(VIEWS)[0].flip(1)
    )


def test_other_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its labels are mpox, chickenpox, measles, healthy, the student's mpox, orf"):
        of_bundle(build(tmp_path / "b"), ("mpox", "orf"), set())


def test_a_bundle_is_no_teacher_of_a_fold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a bundle has learned from all folds: a student of it would be judged on"):
        of_bundle(build(tmp_path / "b"), LABELS, {"c1"})


def test_of_a_run_the_fold_that_holds_out_the_same_is_taken() -> None:
    run = judged(manifest(8), [0, 0, 1, 1, 2, 2, 2, 2])
    assert innocent(run, manifest(8), {"c1"}, Path("run")) == "fold1"
    assert innocent(run, manifest(8), {"c2"}, Path("run")) == "fold2"
    assert innocent(run, manifest(8), {"c2", "c3"}, Path("run")) == "fold2"


def test_of_a_repeated_run_every_repeat_is_asked() -> None:
    run = judged(manifest(8), [0, 0, 1, 1, 2, 2, 2, 2, 0, 0, 1, 1, 1, 1, 2, 2], [0] * 8 + [1] * 8)
    assert innocent(run, manifest(8), {"c1", "c2"}, Path("run")) == "repeat1/fold1"


def test_a_run_whose_folds_cut_otherwise_is_refused() -> None:
    run = judged(manifest(8), [0, 0, 1, 1, 2, 2, 2, 2])
    with pytest.raises(
        DataError, match=r"teacher run: each of its folds has learned from some of the 2 held-out clusters: a student"
    ):
        innocent(run, manifest(8), {"c0", "c1"}, Path("run"))


def test_a_cluster_that_was_found_later_is_whole_here() -> None:
    """The run held photographs 2 and 3 apart; now they are copies of 0 and 1, which its fold 1 has learned from."""
    old = judged(manifest(8), [0, 0, 1, 1, 2, 2, 2, 2])
    joined = [ImageRecord(str(i), "", LABELS[0], "", None, 64, 64, "c0" if i < 4 else f"c{i // 2}") for i in range(8)]
    with pytest.raises(DataError, match="each of its folds has learned from"):
        innocent(old, Manifest(Path(), tuple(joined)), {"c0"}, Path("run"))


def test_a_run_on_photographs_that_are_not_here_is_refused() -> None:
    run = judged(manifest(8), [0, 0, 1, 1, 2, 2, 2, 2])
    with pytest.raises(DataError, match="it learned from 2 photographs that this data set lacks"):
        innocent(run, manifest(6), {"c1"}, Path("run"))


def run_folder(folder: Path, people: Manifest, model: ModelRecipe) -> Path:
    """A finished run of two folds whose networks are not trained."""
    about = {"manifest_sha256": people.sha256, "backbone": model.backbone, "base_weights": "none"}
    build(folder / "bundle", training=about)
    judged(people, [0, 0, 0, 0, 1, 1, 1, 1]).write(folder / "predictions.parquet")
    for part, seed in (("fold0", 0), ("fold1", 1), ("final", 2)):
        torch.manual_seed(seed)
        (folder / part).mkdir()
        keep(create(model, 4), folder / part)
    return folder


def test_the_network_of_the_fold_is_the_one_that_judges(tmp_path: Path) -> None:
    people, model = manifest(8), ModelRecipe(weights="none", frozen_blocks=0, size=64)
    folder = run_folder(tmp_path / "run", people, model)
    for part, seed, held_out in (("fold0", 0, {"c0", "c1"}), ("fold1", 1, {"c3"}), ("final", 2, set())):
        torch.manual_seed(seed)
        wanted = create(model, 4).eval()
        with torch.no_grad():
            logits, _, embedding = wanted((VIEWS - 0.5) / 0.25)  # as the bundle's preprocessing says
        found = of_run(folder, LABELS, people, held_out)(VIEWS)
        torch.testing.assert_close(found[0], logits, msg=part)
        torch.testing.assert_close(found[1], embedding, msg=part)
    (folder / "fold1" / NETWORK).write_bytes(b"cut")
    with pytest.raises(CheckpointError, match=r"fold1/network\.safetensors: missing, damaged or of another network"):
        of_run(folder, LABELS, people, {"c3"})
    (folder / "bundle" / "bundle.json").unlink()
    with pytest.raises(DataError, match=r"no finished run: bundle\.json is missing or damaged; let mpoxlens train"):
        of_run(folder, LABELS, people, {"c3"})


def test_a_frozen_network_judges_by_its_probe() -> None:
    torch.manual_seed(0)
    network = create(ModelRecipe(weights="none", frozen_blocks=0, size=64), 2).eval()
    rng = np.random.default_rng(0)
    probe = Probe(
        np.full(1280, 0.25, np.float32),
        np.full(1280, 2, np.float32),
        rng.normal(size=(3, 1280)).astype(np.float32),
        np.float32([0, 1, 2]),
        1.0,
    )
    spec = Preprocess(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with torch.no_grad():
        features = network((VIEWS - 0.5) / 0.5)[2]
    logits, embedding = Frozen(Eye(network, spec), probe)(VIEWS)
    torch.testing.assert_close(embedding, (features - 0.25) / 2)
    np.testing.assert_allclose(logits, embedding.numpy() @ probe.weight.T + probe.bias, atol=1e-3)
    assert not logits.requires_grad


def test_a_transformer_halves_its_digits_and_keeps_its_word() -> None:
    torch.manual_seed(0)
    tiny = ModelRecipe("vit_tiny_patch16_224", "none", 0, 64, "token")
    network = create(tiny, 2).eval()
    probe = Probe(*(np.float32(x) for x in (np.zeros(192), np.ones(192), np.eye(3, 192), np.zeros(3))), 1.0)
    with torch.no_grad():
        features = network((VIEWS - 0.5) / 0.5)[2]
    eye = Eye(network, Preprocess(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    logits, embedding = Frozen(eye, probe)(VIEWS)
    assert (eye.dtype, logits.dtype, embedding.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    assert torch.cosine_similarity(embedding, features).min() > 0.999
    torch.testing.assert_close(logits, embedding[:, :3])


def test_what_was_looked_at_is_remembered_view_by_view() -> None:
    torch.manual_seed(0)
    network = create(ModelRecipe("vit_tiny_patch16_224", "none", 0, 64, "token"), 2).eval()
    spec = Preprocess(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    plain, remembering = Eye(network, spec)(VIEWS), Eye(network, spec, remembers=True)
    torch.testing.assert_close(remembering(VIEWS), plain, atol=2e-2, rtol=0)
    known = dict(remembering.seen)
    assert len(known) == len(VIEWS)
    torch.testing.assert_close(remembering(VIEWS.flip(0)), remembering(VIEWS).flip(0), atol=0, rtol=0)
    assert remembering.seen.keys() == known.keys()
