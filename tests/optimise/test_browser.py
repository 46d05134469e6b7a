"""Golden drawings and a data set of drawings through .onnx files in onnxruntime-web in a real Chromium."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests import tiny
from tests.optimise.rules import spec

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import BundleError, DataError
from mpoxlens.optimise import browser, parity, precision
from mpoxlens.optimise.parity import Checked
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.recipe import ModelRecipe

SIZE = 64
DIST = Path(__file__).parents[2] / "web" / "node_modules" / "onnxruntime-web" / "dist"
ABOUT = {"labels": ["mpox", "healthy"]}
needed = pytest.mark.skipif(
    not all((DIST / name).is_file() for name in browser.PARTS), reason="the page's packages are missing: run `make web`"
)


@needed
@pytest.mark.slow
def test_a_network_whose_answer_is_worked_out_by_hand(tab: browser.Tab) -> None:
    """All red: the means are 1, -1, -1; mpox is 2 + 1 + 1 + .5, healthy -2 - 1 - 2, at every place."""
    red = np.broadcast_to(np.array([1, -1, -1], np.float32)[:, None, None], (3, tiny.SIZE, tiny.SIZE))
    judged = tab.judge(tiny.model(), np.stack([red, np.zeros_like(red)]))
    np.testing.assert_allclose(judged.outputs.logits, [[4.5, -1, 1, -5], [0.5, 0, 0, 0]], atol=1e-5)
    assert judged.outputs.cam.shape == (2, 4, tiny.CELLS, tiny.CELLS)
    np.testing.assert_allclose(judged.outputs.cam[0, 0], 4.5, atol=1e-5)
    np.testing.assert_allclose(judged.outputs.embedding[0], [1, -1, -1, 1], atol=1e-5)
    assert (len(judged.took), bool((judged.took >= 0).all())) == (2, True)


@needed
@pytest.mark.slow
def test_every_precision_passes_its_bar_in_the_browser(tab: browser.Tab) -> None:
    """A whole data set of drawings, each precision against torch, by the bars of `parity`."""
    torch.manual_seed(3)
    recipe = ModelRecipe(backbone="test_efficientnet", weights="none", frozen_blocks=0, size=SIZE)
    model: Classifier = create(recipe, 2).eval()  # type: ignore[assignment]
    shape = spec().preprocess
    photos = np.stack([shape(draw(i, size=72, count=12 * (i % 2)).pixels) for i in range(80)])
    golden, photos = photos[:2], photos[2:]
    positive = np.array([i % 2 == 1 for i in range(2, 80)])
    checked = Checked(photos, golden, positive, np.ones(78, dtype=np.bool_), tuple(map(str, range(78))))
    full, drawn = (parity.float_outputs(model, x) for x in (photos, golden))
    for kind in ("fp32", "fp16", "dynamic-int8", "static-int8"):
        content = precision.write(model, SIZE, kind, photos[:32], ABOUT)
        small, seen = (tab.judge(content, x).outputs for x in (photos, golden))
        found = parity.compare(full, small, (drawn, seen), spec(), checked)
        # The network was not trained: its P lies at .5, where a hair decides, so that decisions are no measure here.
        assert found.median_difference <= parity.BARS[kind].median, kind
        assert found.golden_difference <= {"fp32": 1e-4, "fp16": 0.01}.get(kind, 0.1), kind
        assert found.unexplained <= parity.MAX_UNEXPLAINED, kind


@needed
@pytest.mark.slow
def test_a_file_that_is_none_is_one_line(tab: browser.Tab) -> None:
    with pytest.raises(BundleError, match="the browser cannot run it") as caught:
        tab.judge(b"no graph", np.zeros((1, 3, SIZE, SIZE), np.float32))
    assert "\n" not in str(caught.value)


def test_a_folder_without_the_runtime_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"no ort\.wasm\.bundle\.min\.mjs and no .*; run `make web`|not on the path"),
        browser.opened(tmp_path),
    ):
        pass
