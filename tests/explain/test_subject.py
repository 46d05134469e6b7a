"""What is explained is one number, and a bundle's map adds up to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpoxlens.bundle import Bundle, default_path
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import BundleError, CheckpointError, DataError
from mpoxlens.explain.subject import BATCH, OnnxSubject, TorchSubject, of_run, versions, weights
from tiny import SIZE


def test_the_contrast_is_mpox_less_the_mean_of_the_others() -> None:
    assert weights(4, 1).tolist() == pytest.approx([-1 / 3, 1, -1 / 3, -1 / 3])
    assert weights(4, 1) @ np.full(4, 7, np.float32) == pytest.approx(0, abs=1e-6)  # what all classes share is nothing


def test_a_bundle_is_explained_by_hand_worked_logits(tiny_path: Path) -> None:
    subject = OnnxSubject.load(tiny_path)
    red = np.zeros((1, 3, SIZE, SIZE), np.float32)
    red[:, 0] = 1
    # logits (2.5, 0, 1, -2) of `tiny.HEAD` for mean red 1: 2.5 - (0 + 1 - 2) / 3
    assert subject.contrast(red).tolist() == pytest.approx([2.5 + 1 / 3])
    assert (subject.positive, subject.size) == (0, SIZE)
    assert subject.name == f"tiny 1 {subject.bundle.sha256[:8]}"


def test_batches_and_workers_change_nothing(tiny_path: Path) -> None:
    inputs = np.random.default_rng(1).normal(size=(2 * BATCH + 3, 3, SIZE, SIZE)).astype(np.float32)
    bundle = Bundle.load(tiny_path, threads=1)
    one_by_one = np.concatenate([OnnxSubject(bundle).contrast(one[None]) for one in inputs])
    np.testing.assert_allclose(OnnxSubject(bundle, workers=3).contrast(inputs), one_by_one, atol=1e-5)
    assert OnnxSubject(bundle).contrast(inputs[:0]).shape == (0,)


def test_the_map_of_the_shipped_bundle_adds_up_to_its_answer() -> None:
    subject = OnnxSubject.load(default_path())
    photo = subject.bundle.spec.preprocess(draw(3).pixels)
    logits = subject.cam(photo).mean(axis=(1, 2))
    contrast = subject.contrast(photo[None])[0]
    assert weights(4, subject.positive) @ logits == pytest.approx(float(contrast), abs=1e-4)


def test_numbers_that_are_not_finite_are_refused(tiny_path: Path) -> None:
    broken = np.full((1, 3, SIZE, SIZE), np.nan, np.float32)
    with pytest.raises(BundleError, match="not finite"):
        OnnxSubject.load(tiny_path).contrast(broken)


def test_a_float_network_has_the_contrast_and_its_gradient() -> None:
    torch = pytest.importorskip("torch")
    subject = TorchSubject(_tiny_network(torch), 8, 0, "two patches")
    photo = torch.ones(1, 3, 8, 8, requires_grad=True)
    contrast = subject.contrast_tensor(photo)
    (gradient,) = torch.autograd.grad(contrast.sum(), photo)
    # The head weighs the mean of all three channels by 3 for mpox and by 1 for the other class.
    assert float(contrast.detach()) == pytest.approx(2)
    np.testing.assert_allclose(gradient.numpy(), 2 / (3 * 64), rtol=1e-5)
    inputs = photo.detach().numpy()
    assert subject.contrast(inputs).tolist() == pytest.approx([2])
    np.testing.assert_allclose(subject.cam(inputs[0]).mean(axis=(1, 2)), [3, 1], rtol=1e-5)
    assert not subject.model.training


def _tiny_network(torch):  # type: ignore[no-untyped-def]
    from mpoxlens.vision.backbones import Classifier

    class Mean(torch.nn.Module):  # type: ignore[misc]
        def forward_features(self, photo):  # type: ignore[no-untyped-def]
            return torch.nn.functional.avg_pool2d(photo, 4).mean(dim=1, keepdim=True)

    model = Classifier(Mean(), 1, 2, size=8)
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([3.0, 1.0]).reshape(2, 1, 1, 1))
        model.head.bias.zero_()
    return model


def test_a_folder_without_a_run_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(DataError, match="no finished run"):
        of_run(tmp_path)


def test_a_run_whose_network_is_gone_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_bytes((default_path() / "bundle.json").read_bytes())
    with pytest.raises(CheckpointError, match="missing, damaged"):
        of_run(tmp_path)


def test_versions_name_what_computed() -> None:
    assert versions("pillow").keys() == {"mpoxlens", "numpy", "pillow"}


def test_a_subject_cannot_be_altered(tiny_path: Path) -> None:
    subject = OnnxSubject.load(tiny_path)
    assert replace(subject, workers=2).name == subject.name
    with pytest.raises(AttributeError):
        subject.workers = 4  # type: ignore[misc]
