"""Planted cues are found, others are not, and clusters are kept together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures_of_labels import SIDE, framed, ingested, made, pictures, save
from sklearn.metrics import roc_auc_score

from mpoxlens.datasets.audit.audit import Audit, audit
from mpoxlens.datasets.audit.probe import BLIND, TOGETHER, Reading, auroc, components, reach
from mpoxlens.datasets.manifest import write_manifest
from mpoxlens.datasets.workspace import Workspace


def _by_cue(found: Audit) -> dict[str, Reading]:
    return {one.cue: one for one in found.rows}


def _holds_half(one: Reading) -> bool:
    return one.low <= 0.5 <= one.high


def test_a_label_in_the_border_is_read_from_the_border(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 40, "other": 40}, {"mpox": framed(0.75), "other": framed(0.65)})
    found = audit(work, shuffles=0)
    single = [one for one in found.rows if one.cue not in (BLIND, TOGETHER)]
    assert single[0].cue == "border ring"
    assert single[0].auroc > 0.95
    rows = _by_cue(found)
    assert all(_holds_half(rows[cue]) for cue in ("encoding", "size", "corners", "skin tone", "mean colour"))


def test_a_label_in_the_file_is_read_from_the_encoding_alone(tmp_path: Path) -> None:
    for label, form, seed in (("mpox", "png", 1), ("other", "bmp", 2)):
        for n, pixels in enumerate(pictures(40, seed)):
            save(pixels, tmp_path / "data" / label / f"{n}.{form}")
    found = audit(ingested(tmp_path / "data", tmp_path / "work"), shuffles=10)
    rows = _by_cue(found)
    assert rows["encoding"].auroc == 1.0
    assert found.rows[0].auroc == 1.0
    assert {one.cue for one in found.rows if one.readable} == {"encoding", BLIND, TOGETHER}
    assert (rows["encoding"].photographs, rows["encoding"].positives, rows["encoding"].clusters) == (80, 40, 80)


def test_nothing_is_read_where_there_is_nothing(tmp_path: Path) -> None:
    found = audit(made(tmp_path, {"mpox": 60, "other": 60}), shuffles=10)
    assert all(_holds_half(one) for one in found.rows), found.rows
    assert all(0.5 < one.chance < 0.75 for one in found.rows if one.auroc != 0.5), found.rows
    assert not any(one.readable for one in found.rows)


@pytest.fixture
def copies(tmp_path: Path) -> Workspace:
    """Twelve rooms, each photographed eight times; a room has one label, and nothing else of the label shows."""
    rng = np.random.default_rng(5)
    for room, colour in enumerate(rng.uniform((0, 60, 60), (60, 250, 250), (12, 3))):
        width = rng.integers(10, 40)
        for n in range(8):
            pixels = np.full((SIDE, SIDE, 3), (210, 160, 130)) + rng.normal(0, 3, (SIDE, SIDE, 3))
            pixels[:, :width] = colour + rng.normal(0, 1, (SIDE, width, 3))
            label = ("mpox", "other")[room % 2]
            save(pixels.clip(0, 255).astype(np.uint8), tmp_path / "data" / label / f"{room}-{n}.png")
    return ingested(tmp_path / "data", tmp_path / "work")


def test_a_room_told_again_by_its_copies_is_no_cue(copies: Workspace) -> None:
    leaky = audit(copies, shuffles=0)
    assert "a copy may stand in another fold" in leaky.notes[0]
    assert _by_cue(leaky)["background"].auroc > 0.8  # the copies are in other folds

    manifest = copies.manifest()
    rooms = tuple(replace(r, group=Path(r.path).name.split("-")[0]) for r in manifest.records)
    write_manifest(replace(manifest, records=rooms), copies.table("clean"), copies.state("clean"))
    kept = audit(copies, shuffles=10)
    assert kept.notes == ()
    background = _by_cue(kept)["background"]
    assert background.clusters == 12
    assert not background.readable
    assert background.high - background.low > 0.3  # twelve rooms say little, and the interval owns it


@pytest.mark.usefixtures("hasty")
def test_patients_are_kept_together_before_copies_were_looked_for(copies: Workspace) -> None:
    manifest = copies.manifest()
    known = tuple(replace(r, patient=Path(r.path).name.split("-")[0]) for r in manifest.records)
    write_manifest(replace(manifest, records=known), copies.table("manifest"))
    assert audit(copies, shuffles=0).rows[0].clusters == 12


@pytest.mark.usefixtures("hasty")
def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "other": 12})
    first = audit(work, shuffles=2)
    assert audit(work, shuffles=2) == first
    assert audit(work, shuffles=2, seed=8) != first


@pytest.mark.usefixtures("hasty")
def test_pictures_without_any_background_tell_nothing_and_warn_of_nothing(tmp_path: Path) -> None:
    """Warnings are errors here: constant measures must not be divided by their variance."""
    for n in range(24):
        label, skin = ("mpox", "other")[n % 2], np.array([200 + n, 150, 120])
        save(np.full((SIDE, SIDE, 3), skin, np.uint8), tmp_path / "data" / label / f"{n}.png")
    found = audit(ingested(tmp_path / "data", tmp_path / "work"), shuffles=2)
    assert _by_cue(found)["background picture"].auroc == 0.5
    assert not _by_cue(found)["background picture"].readable


def test_components_of_pictures_that_hardly_differ() -> None:
    same = np.full((12, 192), 0.5, np.float32)
    assert np.array_equal(components(same), np.zeros((12, 1)))
    same[:, 7] = np.arange(12)  # one cell differs, and is what is left
    assert np.abs(components(same)[:, 0]) == pytest.approx(np.abs(np.arange(12) - 5.5), abs=1e-5)


def test_chance_reaches_to_the_second_highest_of_forty() -> None:
    assert reach(np.random.default_rng(1).permutation(40).tolist()) == 38
    assert reach([0.4, 0.6, 0.5]) == 0.6


def test_the_rank_formula_is_the_area_under_the_curve() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        positive, score = rng.random(30) < 0.3, rng.integers(0, 6, 30).astype(float)  # with ties
        assert auroc(positive, score) == pytest.approx(roc_auc_score(positive, score))
    assert auroc(np.array([True, False, True]), np.array([3.0, 2.0, 1.0])) == 0.5
    assert np.isnan(auroc(np.array([True, True]), np.array([1.0, 2.0])))


@pytest.mark.usefixtures("hasty")
def test_a_large_set_is_drawn_by_whole_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpoxlens.datasets.audit.audit.CAP", 40)
    work = made(tmp_path, {"mpox": 60, "other": 30})
    manifest = work.manifest()
    paired = tuple(replace(r, group=str(n // 3) + r.label) for n, r in enumerate(manifest.records))
    write_manifest(replace(manifest, records=paired), work.table("clean"), work.state("clean"))
    found = audit(work, shuffles=0)
    assert found.rows[0].photographs <= 40
    assert 15 <= found.rows[0].positives <= 20
    assert "drawn by whole clusters" in " ".join(found.notes)
