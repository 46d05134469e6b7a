"""Planted cues are found, others are not, and clusters are kept together."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from sklearn.metrics import roc_auc_score

from mpoxlens.datasets.audit.audit import Audit, audit
from mpoxlens.datasets.audit.cues import CUES
from mpoxlens.datasets.audit.page import LEAST
from mpoxlens.datasets.audit.probe import BLIND, TOGETHER, Reading, auroc
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import write_manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError

SIDE = 64
Paint = Callable[[np.ndarray, np.random.Generator], None]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty bootstrap samples, where intervals are not what is tested."""
    monkeypatch.setattr("mpoxlens.evaluation.metrics.RESAMPLES", 50)


def _pictures(count: int, seed: int) -> Iterator[np.ndarray]:
    """Skin of some tone on the right, something else on the left, with noise: no two alike."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        light = rng.uniform(0.4, 1.0)
        pixels = np.empty((SIDE, SIDE, 3))
        pixels[:] = light * np.array([230.0, 175.0, 145.0])
        pixels[:, : rng.integers(8, 40)] = rng.uniform(60, 200) * np.array([0.8, 1.0, 1.1])
        yield (pixels + rng.normal(0, rng.uniform(2, 10), pixels.shape)).clip(0, 255).astype(np.uint8)


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _ingested(data: Path, work: Path) -> Workspace:
    made = Workspace(work)
    made.path.mkdir()
    write_manifest(collect([data]), made.table("manifest"))
    return made


def _made(
    tmp_path: Path, counts: dict[str, int], paint: dict[str, Paint] | None = None, form: str = "bmp"
) -> Workspace:
    for seed, (label, count) in enumerate(counts.items(), 1):
        rng = np.random.default_rng(100 + seed)
        for n, pixels in enumerate(_pictures(count, seed)):
            if paint and label in paint:
                paint[label](pixels, rng)
            _save(pixels, tmp_path / "data" / label / f"{label}-{n}.{form}")
    return _ingested(tmp_path / "data", tmp_path / "work")


def _by_cue(found: Audit) -> dict[str, Reading]:
    return {one.cue: one for one in found.rows}


def _holds_half(one: Reading) -> bool:
    return one.low <= 0.5 <= one.high


def _framed(light: float) -> Paint:
    """Paint a frame of skin's colour around the picture, but for its corners."""

    def paint(pixels: np.ndarray, rng: np.random.Generator) -> None:
        inner, corner = slice(3, SIDE - 3), slice(7, SIDE - 7)
        framed = pixels.copy()
        framed[corner] = framed[:, corner] = light * np.array([230, 175, 145]) + rng.normal(0, 3, 3)
        framed[inner, inner] = pixels[inner, inner]
        pixels[:] = np.where(_middle(corner), framed, pixels)

    return paint


def _middle(side: slice) -> np.ndarray:
    """Where [SIDE, SIDE, 1] a picture is no corner."""
    found = np.zeros((SIDE, SIDE, 1), np.bool_)
    found[side] = found[:, side] = True
    return found


def test_a_label_in_the_border_is_read_from_the_border(tmp_path: Path) -> None:
    work = _made(tmp_path, {"mpox": 40, "other": 40}, {"mpox": _framed(0.75), "other": _framed(0.65)})
    found = audit(work, shuffles=0)
    single = [one for one in found.rows if one.cue not in (BLIND, TOGETHER)]
    assert single[0].cue == "border ring"
    assert single[0].auroc > 0.95
    rows = _by_cue(found)
    assert all(_holds_half(rows[cue]) for cue in ("encoding", "size", "corners", "skin tone", "mean colour"))


def test_a_label_in_the_file_is_read_from_the_encoding_alone(tmp_path: Path) -> None:
    for label, form, seed in (("mpox", "png", 1), ("other", "bmp", 2)):
        for n, pixels in enumerate(_pictures(40, seed)):
            _save(pixels, tmp_path / "data" / label / f"{n}.{form}")
    found = audit(_ingested(tmp_path / "data", tmp_path / "work"), shuffles=10)
    rows = _by_cue(found)
    assert rows["encoding"].auroc == 1.0
    assert found.rows[0].auroc == 1.0
    assert {one.cue for one in found.rows if one.readable} == {"encoding", BLIND, TOGETHER}
    assert (rows["encoding"].photographs, rows["encoding"].positives, rows["encoding"].clusters) == (80, 40, 80)


def test_nothing_is_read_where_there_is_nothing(tmp_path: Path) -> None:
    found = audit(_made(tmp_path, {"mpox": 60, "other": 60}), shuffles=10)
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
            _save(pixels.clip(0, 255).astype(np.uint8), tmp_path / "data" / label / f"{room}-{n}.png")
    return _ingested(tmp_path / "data", tmp_path / "work")


def test_a_room_told_again_by_its_copies_is_no_cue(copies: Workspace) -> None:
    leaky = audit(copies, shuffles=0)
    assert "copy" in leaky.notes[0]
    assert _by_cue(leaky)["background"].auroc > 0.8  # the copies are in other folds

    manifest = copies.manifest()
    rooms = tuple(replace(r, group=Path(r.path).name.split("-")[0]) for r in manifest.records)
    write_manifest(replace(manifest, records=rooms), copies.table("clean"))
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
    work = _made(tmp_path, {"mpox": 12, "other": 12})
    first = audit(work, shuffles=2)
    assert audit(work, shuffles=2) == first
    assert audit(work, shuffles=2, seed=8) != first


@pytest.mark.usefixtures("hasty")
def test_every_label_is_asked_for_and_one_can_be_left_out(tmp_path: Path) -> None:
    work = _made(tmp_path, {"mpox": 12, "chickenpox": 12, "healthy": 12, "measles": 3})
    found = audit(work, without=["healthy", "nothing"], shuffles=0)
    assert found.questions == (
        ("mpox", ("chickenpox", "measles")),
        ("chickenpox", ("measles", "mpox")),
        ("mpox", ("chickenpox", "healthy", "measles")),
    )
    assert any("label measles: 3 clusters are too few" in note for note in found.notes)
    assert any("No photograph is labelled nothing" in note for note in found.notes)
    assert (found.rows[0].photographs, found.readings[-1].photographs) == (27, 39)

    table = parquet.read_table(work.table("audit"))
    assert set(table["positives"].to_pylist()) == {"mpox"}
    assert table["against"].to_pylist()[0] == ["chickenpox", "measles"]
    assert table["auroc"].to_pylist() == [one.auroc for one in found.rows]
    assert parquet.read_table(work.table("audit-labels")).num_rows == len(found.readings)


@pytest.mark.parametrize(
    ("counts", "positive", "without", "says"),
    [
        ({"mpox": 3, "other": 9}, "mpox", (), "label mpox: 3 clusters are too few for 5 folds"),
        ({"mpox": 9, "other": 2}, "mpox", (), "label other: 2 clusters are too few for 5 folds"),
        ({"mpox": 6}, "mpox", (), "nothing is left to tell it from"),
        ({"mpox": 6, "healthy": 6}, "mpox", ("healthy",), "leave out fewer labels"),
        ({"mpox": 6, "other": 6}, "acne", (), "label acne: no photograph has it; name one of mpox, other"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, counts: dict[str, int], positive: str, without: tuple[str, ...], says: str
) -> None:
    work = _made(tmp_path, counts)
    with pytest.raises(DataError, match=re.escape(says)):
        audit(work, positive=positive, without=without)
    assert not (work.path / "audit.html").exists()


@pytest.mark.usefixtures("hasty")
def test_a_photograph_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    work = _made(tmp_path, {"mpox": 12, "other": 12})
    next(iter(work.manifest().paths.values())).unlink()
    found = audit(work, shuffles=0)
    assert found.rows[0].photographs == 23
    assert any(note.startswith("1 photographs could not be read") for note in found.notes)


@pytest.mark.usefixtures("hasty")
def test_the_page_stands_alone_and_speaks(tmp_path: Path) -> None:
    work = _made(
        tmp_path, {"mpox": 12, "other": 12, "<b>few": LEAST - 1}, {"mpox": _framed(0.9), "other": _framed(0.5)}
    )
    found = audit(work, shuffles=5)
    page = (work.path / "audit.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|https?:|//|\bstyle=|url\(", re.sub(r'src="data:image/png[^"]*"', "", page))
    assert page.count("data:image/png;base64,") == 4  # the means of two labels, of two kinds
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", page))
    assert all("aria-label=" in one or 'aria-hidden="true"' in one for one in re.findall(r"<svg[^>]*>", page))
    assert "<b>few" not in page
    assert f"Fewer than {LEAST} photographs, so not drawn: &lt;b&gt;few" in page
    assert all(f'<th scope="row">{one.cue}</th>' in page for one in found.rows)
    assert "Border ring alone gives" in page


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
    work = _made(tmp_path, {"mpox": 60, "other": 30})
    manifest = work.manifest()
    paired = tuple(replace(r, group=str(n // 3) + r.label) for n, r in enumerate(manifest.records))
    write_manifest(replace(manifest, records=paired), work.table("clean"))
    found = audit(work, shuffles=0)
    assert found.rows[0].photographs <= 40
    assert 15 <= found.rows[0].positives <= 20
    assert "drawn by whole clusters" in " ".join(found.notes)


def test_every_cue_is_explained() -> None:
    from mpoxlens.datasets.audit.cue_texts import ABOUT

    assert set(ABOUT) == {cue.name for cue in CUES} | {"background picture", "source"}
    assert {about.measure for about in ABOUT.values()} - {""} <= {name for cue in CUES for name in cue.columns}
