"""The sanity check: what depends on the weights changes with them, what does not is found out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mpoxlens.bundle import Bundle, default_path
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.explain.cam import cam
from mpoxlens.explain.faithfulness.control import PREPROCESS, control
from mpoxlens.explain.faithfulness.randomise import cascading, independent, kept, passed
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import OnnxSubject


def edges(subject: Subject, photo: np.ndarray, _seed: int) -> Explanation:
    """Ask nothing of the network, as an edge detector does."""
    heat = np.abs(np.diff(photo[0], axis=0, append=photo[0, -1:]))
    return Explanation(heat, "edges", {}, 0, 0.0, 0, subject.name)


@pytest.fixture(scope="module")
def shipped() -> OnnxSubject:
    return OnnxSubject(Bundle.load(default_path(), threads=1, check_golden=False))


def test_the_cascade_of_a_bundle_forgets_from_the_output_down(shipped: OnnxSubject) -> None:
    photo = shipped.bundle.spec.preprocess(draw(1, size=224).pixels)
    before = shipped.bundle.run(photo[None])
    first = next(cascading(shipped, levels=50))  # of 50 convolutions one: the head
    assert isinstance(first.subject, OnnxSubject)
    after = first.subject.bundle.run(photo[None])
    assert first.share == 1 / 50
    np.testing.assert_array_equal(after.embedding, before.embedding)
    assert np.abs(after.logits - before.logits).max() > 0.1


def test_a_bundle_that_forgot_everything_has_another_map_and_its_file_is_as_it_was(shipped: OnnxSubject) -> None:
    photo = shipped.bundle.spec.preprocess(draw(1, size=224).pixels)
    heat, content = cam(shipped, photo, 0).heat, (shipped.bundle.path / "model.onnx").read_bytes()
    (whole,) = cascading(shipped, levels=1)
    assert whole.share == 1.0
    assert kept(cam, whole.subject, photo, heat).signed < 0.8
    assert (shipped.bundle.path / "model.onnx").read_bytes() == content
    np.testing.assert_array_equal(cam(shipped, photo, 0).heat, heat)


def test_what_ignores_the_network_keeps_its_map(tiny_path: Path) -> None:
    bundle = Bundle.load(tiny_path, threads=1)
    subject, photo = OnnxSubject(bundle), bundle.spec.preprocess(draw(1, size=128).pixels)
    heat = edges(subject, photo, 0).heat
    shares = []
    for forgot in cascading(subject, levels=2):
        found = kept(edges, forgot.subject, photo, heat)
        assert (found.signed, found.absolute) == (pytest.approx(1), pytest.approx(1))
        shares.append(forgot.share)
    assert shares == [0.5, 1.0]  # the tiny network has two kernels: its head, and what mixes colours


def test_parts_are_forgotten_one_at_a_time(tiny_path: Path) -> None:
    bundle = Bundle.load(tiny_path, threads=1)
    subject, photo = OnnxSubject(bundle), bundle.spec.preprocess(draw(1, size=128).pixels)
    head, mix = (one.subject.bundle.run(photo[None]) for one in independent(subject, levels=2))  # type: ignore[attr-defined]
    before = bundle.run(photo[None])
    np.testing.assert_array_equal(head.embedding, before.embedding)
    assert np.abs(head.logits - before.logits).max() > 0.01
    assert np.abs(mix.embedding - before.embedding).max() > 0.01


def test_a_float_network_is_copied_and_keeps_the_values_of_each_kernel() -> None:
    subject = control(32)
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    (whole,) = cascading(subject, levels=1, seed=1)
    for name, value in subject.model.state_dict().items():
        assert torch.equal(value, before[name])
    after = dict(whole.subject.model.named_parameters())  # type: ignore[attr-defined]
    assert not torch.equal(after["backbone.near.weight"], before["backbone.near.weight"])
    for name, value in after.items():
        assert torch.equal(value.flatten().sort().values, before[name].flatten().sort().values)
    photo = PREPROCESS(draw(1, size=224).pixels)
    assert kept(cam, whole.subject, photo, cam(subject, photo, 0).heat).signed < 0.9


def test_what_has_no_weights_is_refused_in_one_line() -> None:
    class Stranger:
        name, size = "stranger", 8

        def contrast(self, inputs: np.ndarray) -> np.ndarray:
            return np.zeros(len(inputs), np.float32)

    with pytest.raises(DataError, match="stranger: no weights are known"):
        list(cascading(Stranger()))


@pytest.mark.parametrize(
    ("signed", "absolute", "sane"),
    [(0.49, 0.49, True), (0.51, 0.1, False), (0.1, 0.51, False), (float("nan"), 0.1, False)],
)
def test_the_upper_ends_decide(signed: float, absolute: float, sane: bool) -> None:
    assert passed(Figure(0.1, 0, signed), Figure(0.1, 0, absolute)) is sane
