"""Methods on networks whose explanation is worked out by hand, and on the shipped bundle."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from linear import Linear, Pairs, grid, ramp

from mpoxlens.bundle import default_path
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError, MissingExtraError
from mpoxlens.explain.cam import enlarged
from mpoxlens.explain.kernel_shap import coalitions, kernel_shap
from mpoxlens.explain.masks import mean_colour, segment_means
from mpoxlens.explain.methods import METHODS, explain
from mpoxlens.explain.occlusion import occlusion
from mpoxlens.explain.rise import rise, soft_masks
from mpoxlens.explain.subject import OnnxSubject
from mpoxlens.explain.superpixels import superpixels

NUMPY_ONLY = [name for name, known in METHODS.items() if known.needs == "bundle"]


@pytest.fixture(scope="module")
def shipped() -> OnnxSubject:
    return OnnxSubject.load(default_path())


def worth(subject: Linear, photo: np.ndarray) -> np.ndarray:
    """What each pixel is worth to a linear network, over the mean colour [size, size]."""
    return (subject.weights * (photo - mean_colour(photo))).sum(axis=0)


def test_the_heat_of_cam_adds_up_to_the_contrast(shipped: OnnxSubject) -> None:
    photo = shipped.bundle.spec.preprocess(draw(4).pixels)
    found = explain(shipped, photo)
    assert found.contrast == pytest.approx(float(shipped.contrast(photo[None])[0]), abs=1e-4)
    assert found.heat.mean() == pytest.approx(found.contrast, abs=1e-4)
    assert (found.method, found.passes, found.heat.shape) == ("cam", 1, (224, 224))
    assert {"mpoxlens", "numpy", "onnxruntime"} <= found.versions.keys()


def test_enlarging_keeps_the_mean() -> None:
    coarse = np.array([[1, -2], [5, 0.5]], np.float32)
    assert enlarged(coarse, 8).mean() == pytest.approx(coarse.mean())
    assert enlarged(coarse, 8)[0, 0] == 1
    assert enlarged(coarse, 8)[-1, 0] == 5


def test_occlusion_without_overlap_is_what_each_square_is_worth() -> None:
    photo = ramp()
    subject = Linear(np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32))
    found = occlusion(subject, photo, window=4, stride=4)
    squares = worth(subject, photo).reshape(2, 4, 2, 4).sum(axis=(1, 3))
    np.testing.assert_allclose(found.heat, np.kron(squares, np.ones((4, 4))), atol=1e-5)
    assert found.passes == 5 == sum(subject.asked)
    assert found.contrast == pytest.approx(float((subject.weights * photo).sum()), abs=1e-5)


def test_occlusion_with_overlap_is_the_mean_over_squares() -> None:
    photo, weights = ramp(4), np.zeros((3, 4, 4), np.float32)
    weights[0, 1, 1] = 2
    subject = Linear(weights)
    lost = float(worth(subject, photo)[1, 1])
    # Squares of 2 x 2, one apart: 9 of them, of which 4 hide the one pixel that counts.
    heat = occlusion(subject, photo, window=2, stride=1).heat
    assert heat[1, 1] == pytest.approx(lost)
    assert heat[0, 0] == pytest.approx(lost)  # in one square only, which hides that pixel too
    assert heat[0, 1] == pytest.approx(lost)  # in two
    assert heat[1, 2] == pytest.approx(lost / 2)  # two of its four
    assert heat[2, 2] == pytest.approx(lost / 4)
    assert heat[3, 3] == 0


def test_occlusion_covers_an_edge_that_squares_do_not_divide() -> None:
    photo, weights = ramp(7), np.zeros((3, 7, 7), np.float32)
    weights[1, 6, 6] = 1
    subject = Linear(weights)
    heat = occlusion(subject, photo, window=3, stride=3).heat
    assert heat[6, 6] == pytest.approx(float(worth(subject, photo)[6, 6]))


@pytest.mark.parametrize(("window", "stride"), [(9, 1), (2, 3)])
def test_occlusion_refuses_squares_that_do_not_cover(window: int, stride: int) -> None:
    with pytest.raises(DataError, match="do not cover"):
        occlusion(Linear(ramp()), ramp(), window=window, stride=stride)


def test_rise_finds_the_one_pixel_that_counts_and_its_exact_worth() -> None:
    photo, weights = ramp(6), np.zeros((3, 6, 6), np.float32)
    weights[:, 2, 4] = 3
    subject = Linear(weights)
    # With a cell a pixel the mask of that pixel explains every answer, so the regression on it leaves nothing.
    found = rise(subject, photo, 7, samples=200, cells=6)
    assert found.heat[2, 4] == pytest.approx(float(worth(subject, photo)[2, 4]), rel=1e-4)
    others = np.delete(found.heat.ravel(), 2 * 6 + 4)
    assert np.abs(others).max() < 0.4 * abs(found.heat[2, 4])  # chance alone: 1 / sqrt(200) for each of 35
    assert found.passes == 201 == sum(subject.asked)


def test_rise_depends_on_the_seed_alone() -> None:
    subject, photo = Linear(ramp(16)), ramp(16)[:, ::-1].copy()
    first, again, other = (rise(subject, photo, seed, samples=90).heat for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_soft_masks_show_their_share_everywhere() -> None:
    masks = soft_masks(np.random.default_rng(0), 4000, 21, 7, 0.3)
    assert masks.shape == (4000, 21, 21)
    assert masks.min() == 0
    assert masks.max() == pytest.approx(1)
    assert np.abs(masks.mean(axis=0) - 0.3).max() < 0.04  # five standard errors of a share of 4000


def test_a_soft_mask_is_its_grid_enlarged() -> None:
    # Cells of one pixel: nothing to enlarge, no room to shift.
    masks = soft_masks(np.random.default_rng(3), 5, 4, 4, 0.5)
    drawn = np.random.default_rng(3).random((5, 5, 5)) < 0.5
    np.testing.assert_array_equal(masks, drawn[:, :4, :4])


def brute_force(subject, photo: np.ndarray, segments: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Shapley values by their definition: the mean of what a segment adds over all orders."""
    count, other = int(segments.max()) + 1, mean_colour(photo)

    def value(shown: frozenset[int]) -> float:
        keep = np.isin(segments, list(shown))
        return float(subject.contrast(np.where(keep, photo, other)[None])[0])

    known = {
        frozenset(c): value(frozenset(c)) for r in range(count + 1) for c in itertools.combinations(range(count), r)
    }
    found = np.zeros(count)
    for one in range(count):
        for before, without in known.items():
            if one not in before:
                size = len(before)
                chance = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                found[one] += chance * (known[before | {one}] - without)
    return found


@pytest.mark.parametrize("subject", [Pairs(), Linear(ramp()[:, ::-1].copy())], ids=["products", "linear"])
@pytest.mark.parametrize("rows", [2, 4], ids=["4 segments", "8 segments"])
def test_kernel_shap_with_all_coalitions_is_the_shapley_value(subject, rows: int) -> None:  # type: ignore[no-untyped-def]
    photo = ramp()
    segments = (np.arange(8) * rows // 8)[:, None] * 2 + np.arange(8) // 4
    found = kernel_shap(subject, photo, segments=segments)
    expected = brute_force(subject, photo, segments)
    np.testing.assert_allclose(found.heat, expected[segments], atol=2e-5)
    assert found.settings["exact"] is True
    assert found.passes == 2 ** int(segments.max() + 1)


def test_sampled_kernel_shap_is_exact_for_a_linear_network_and_adds_up_for_any() -> None:
    photo, segments = ramp(), grid(8, 4)
    subject = Linear(np.random.default_rng(2).normal(size=(3, 8, 8)).astype(np.float32))
    found = kernel_shap(subject, photo, 5, samples=200, segments=segments)
    per_segment = np.bincount(segments.ravel(), weights=worth(subject, photo).ravel())
    np.testing.assert_allclose(found.heat, per_segment[segments], atol=1e-4)
    assert found.settings["exact"] is False
    other = kernel_shap(Pairs(), photo, 5, samples=64, segments=segments)
    plain = np.broadcast_to(mean_colour(photo), photo.shape)[None]
    total = Pairs().contrast(photo[None])[0] - Pairs().contrast(plain)[0]
    assert other.heat.sum() / 4 == pytest.approx(float(total), abs=1e-4)  # each segment is painted on 4 pixels


def test_coalitions_are_drawn_in_pairs_by_the_shapley_kernel() -> None:
    states, weight = coalitions(0, 6000, 5 * 5)
    np.testing.assert_array_equal(states[:3000], ~states[3000:])
    assert set(weight) == {1.0}
    sizes = states.sum(axis=1)
    chance = 1 / (np.arange(1, 25) * (25 - np.arange(1, 25)))
    share = np.bincount(sizes, minlength=25)[1:25] / 6000
    assert np.abs(share - chance / chance.sum()).max() < 0.02  # five standard errors of 3000 independent pairs
    assert sizes.min() == 1


def test_kernel_shap_refuses_fewer_samples_than_segments() -> None:
    with pytest.raises(DataError, match="16 segments need as many"):
        kernel_shap(Linear(ramp()), ramp(), samples=10, segments=grid(8, 4))


def test_superpixels_keep_to_a_border() -> None:
    photo = np.zeros((3, 24, 24), np.float32)
    photo[0, :, 13:] = 1  # off the borders of the 6 x 6 grid that they begin from
    segments = superpixels(photo, 36)
    left, right = set(segments[:, :13].ravel()), set(segments[:, 13:].ravel())
    assert not left & right
    assert sorted(left | right) == list(range(len(left | right)))  # from 0 on, none without pixels
    means = segment_means(photo, segments)
    np.testing.assert_allclose(means, photo, atol=1e-6)


def test_superpixels_of_one_colour_are_the_grid() -> None:
    np.testing.assert_array_equal(superpixels(np.ones((3, 12, 12), np.float32), 9), grid(12, 3))


@pytest.mark.parametrize("method", NUMPY_ONLY)
def test_each_method_explains_the_shipped_bundle(method: str, shipped: OnnxSubject) -> None:
    photo = shipped.bundle.spec.preprocess(draw(4).pixels)
    samples = 64 if "samples" in METHODS[method].options else None
    found = explain(shipped, photo, method, 3, samples=samples)
    assert found.heat.shape == (224, 224)
    assert found.heat.dtype == np.float32
    assert np.isfinite(found.heat).all()
    assert found.heat.std() > 0
    assert (found.method, found.seed, found.subject) == (method, 3, shipped.name)
    assert found.contrast == pytest.approx(float(shipped.contrast(photo[None])[0]), abs=1e-3)


@pytest.mark.parametrize("method", NUMPY_ONLY)
def test_each_method_sees_red_skin_where_only_red_counts(method: str, tiny_path: Path) -> None:
    subject = OnnxSubject.load(tiny_path)
    photo = np.zeros((3, 64, 64), np.float32)
    photo[0, :32, 32:] = 3  # mpox likes red, so all evidence lies in the upper right
    heat = explain(subject, photo, method).heat
    quarter = [heat[r, c].mean() for r in (slice(32), slice(32, 64)) for c in (slice(32), slice(32, 64))]
    assert int(np.argmax(quarter)) == 1
    assert quarter[1] > 0


def test_what_cannot_be_explained_is_one_line(tiny_path: Path) -> None:
    subject, photo = OnnxSubject.load(tiny_path), np.zeros((3, 64, 64), np.float32)
    with pytest.raises(DataError, match=r"'lyme': no such method; did you mean 'lime'\?"):
        explain(subject, photo, "lyme")
    with pytest.raises(DataError, match=r"'gradcam': it reads inside the float network.*--run"):
        explain(subject, photo, "gradcam")
    with pytest.raises(DataError, match=r"'cam': it takes no samples"):
        explain(subject, photo, samples=10)
    with pytest.raises(DataError, match=r"input \(3, 8, 8\): the network takes \(3, 64, 64\)"):
        explain(subject, ramp())
    with pytest.raises(DataError, match="no class activation map"):
        explain(Linear(ramp()), ramp())


def test_every_method_leads_somewhere() -> None:
    pytest.importorskip("torch")
    assert all(callable(known.load()) for known in METHODS.values())


def test_without_torch_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "mpoxlens.explain.gradients", raising=False)
    with pytest.raises(MissingExtraError, match=r"gradcam: it needs the package torch.*mpoxlens\[train\]"):
        METHODS["gradcam"].load()
