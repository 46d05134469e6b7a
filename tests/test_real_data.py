"""The shipped bundle and the base weights on real photographs."""

import csv
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

from mpoxlens import Screener
from mpoxlens.photo import read_photo
from mpoxlens.schema import Screening
from mpoxlens.screening.gate import check
from real import SHARED

RASHES = ("mpox", "chickenpox", "measles")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    if not SHARED.is_dir():
        pytest.skip("the shared photographs are not on this machine")
    with (SHARED / "labels.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.real_data
def test_the_gate_lets_real_photographs_pass(rows: list[dict[str, str]]) -> None:
    passed: Counter[str] = Counter()
    for row in rows:
        passed[row["label"]] += check(read_photo(SHARED / row["file"])).usable
    of = Counter(row["label"] for row in rows)
    assert all(passed[label] >= 0.98 * of[label] for label in of), passed


@pytest.mark.real_data
def test_the_shipped_bundle_knows_what_it_was_trained_on(rows: list[dict[str, str]]) -> None:
    """No figure of quality: a check that preprocessing, network and label order are those of the training."""
    chosen = [row for row in rows if row["label"] in RASHES]
    found = list(Screener.default().screen_many([SHARED / row["file"] for row in chosen]))
    assert all(isinstance(one, Screening) for one in found)
    p = [one.photo_probability for one in found if isinstance(one, Screening)]
    assert roc_auc_score([row["label"] == "mpox" for row in chosen], p) > 0.93


@pytest.mark.slow
def test_base_weights_from_the_package_index_know_a_daisy_and_a_palace() -> None:
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    from mpoxlens.preprocess import Preprocess
    from mpoxlens.vision.backbones import load_base

    network = timm.create_model("tf_efficientnet_lite0").eval()
    load_base(network, "efficientnet-lite0")
    spec = Preprocess(224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    palace, daisy = load_sample_images().images
    with torch.no_grad():
        scores = network(torch.from_numpy(np.stack([spec(palace), spec(daisy)])))
    assert 698 in scores[0].topk(5).indices  # ImageNet's class "palace"
    assert scores[1].argmax() == 985  # "daisy"
