"""Two tiny networks and one that cannot be had, compared on drawings."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import small
from pyarrow import parquet

from mpoxlens.datasets.manifest import write_manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import RecipeError, WeightsError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vision import compare, summary
from mpoxlens.vision.backbones import create
from mpoxlens.vision.compare_page import bracketed, chance, forest, signed
from mpoxlens.vision.cost import macs
from mpoxlens.vision.recipe import ModelRecipe, load

GONE = "gone.toml"


def recipes(folder: Path, backbones: str) -> Path:
    """Write a comparison, two recipes that it names, and one whose weights are nowhere."""
    small.written(folder / "small.toml")
    small.written(folder / "vit.toml", toml=small.TOML.replace("test_efficientnet", "test_vit").replace("64", "160"))
    small.written(folder / GONE, toml=small.TOML.replace('"none"', '"nowhere.pth"'))
    return small.written(folder / "compare.toml", f"[compare]\nbackbones = {backbones}\n")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    place = Workspace(tmp_path_factory.mktemp("work"))
    write_manifest(small.manifest(root), place.table("manifest"))
    write_manifest(small.manifest(root), place.table("clean"), place.state("clean"))
    return place.path


@pytest.fixture(scope="module")
def compared(work: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("compared")
    recipe = recipes(folder, f'["small.toml", "{GONE}", "vit.toml"]')
    return folder / "out", compare.run(recipe, work, folder / "out")


def test_what_cannot_be_had_is_skipped_with_the_reason(compared: tuple[Path, dict[str, Any]]) -> None:
    out, found = compared
    assert [one["name"] for one in found["backbones"]] == ["small.toml", "vit.toml"]
    assert list(found["skipped"]) == [GONE]
    assert "nowhere.pth" in found["skipped"][GONE]
    assert f"- {GONE}: " in (out / "compare.md").read_text()


def test_all_are_judged_on_the_same_folds(compared: tuple[Path, dict[str, Any]]) -> None:
    a, b = (Predictions.read(compared[0] / name / "predictions.parquet") for name in ("small", "vit"))
    assert (a.sha256, a.fold.tolist(), a.target.tolist()) == (b.sha256, b.fold.tolist(), b.target.tolist())
    assert (a.logits != b.logits).any()


def test_tables_say_the_same(compared: tuple[Path, dict[str, Any]]) -> None:
    out, found = compared
    assert json.loads((out / "compare.json").read_text()) == found
    rows = parquet.read_table(out / "compare.parquet").to_pylist()
    text, page = (out / "compare.md").read_text(), (out / "compare.html").read_text()
    for one, row in zip(found["backbones"], rows, strict=True):
        assert row["figures_auroc_value"] == one["figures"]["auroc"]["value"]
        assert row["cost_int8_bytes"] == one["cost"]["int8_bytes"]
        assert bracketed(one["figures"]["auroc"]) in text
        assert bracketed(one["figures"]["auroc"]) in page
    test = found["backbones"][1]["against_reference"]
    values = [one["figures"]["auroc"]["value"] for one in found["backbones"]]
    assert test["auroc"]["value"] == pytest.approx(values[1] - values[0], abs=2e-4)
    assert test["auroc"]["p_holm"] == test["auroc"]["p"]  # of one test nothing is corrected
    assert found["backbones"][0]["against_reference"] is None


def test_the_page_stands_alone_and_its_picture_is_whole(compared: tuple[Path, dict[str, Any]]) -> None:
    page = (compared[0] / "compare.html").read_text()
    assert not re.search(r"(?:src|href)=|url\(|@import|http(?!-equiv)", page)
    (drawing,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    picture = ElementTree.fromstring(drawing)  # noqa: S314 - our own page
    assert len(picture.findall("circle")) == 6  # two backbones in three panels
    assert len(picture.findall("line[@class='whisker']")) == 6


def test_a_comparison_that_is_done_is_read(
    compared: tuple[Path, dict[str, Any]], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, found = compared

    monkeypatch.setattr(compare, "cost", _only_gone)  # whoever else is measured again fails
    before = (out / "small" / "fold0" / "outputs.npz").stat().st_mtime_ns
    again = compare.run(recipes(out.parent, f'["small.toml", "{GONE}"]'), work, out)
    assert again["backbones"][0] == found["backbones"][0]
    assert (out / "small" / "fold0" / "outputs.npz").stat().st_mtime_ns == before


def _only_gone(recipe: ModelRecipe, *_: object) -> None:
    assert recipe.weights == "nowhere.pth"
    raise WeightsError("nowhere.pth", "not there", "put it there")


def test_a_reference_that_cannot_be_had_is_replaced_aloud(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare.run(recipes(tmp_path, f'["small.toml", "{GONE}"]\nreference = "{GONE}"'), work, tmp_path / "out")
    told = f"The reference asked for, {GONE}, could not be had; small.toml stands in for it."
    summary.compared(found)
    assert told in capsys.readouterr().out.splitlines()
    for name in ("compare.md", "compare.html"):
        text = (tmp_path / "out" / name).read_text()
        assert told in text
        assert "It is the only backbone that could be judged" in text
    assert "DeLong" not in (tmp_path / "out" / "compare.md").read_text()  # nor an empty table of tests


def test_nothing_to_be_had_is_an_error(work: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="none of its backbones can be had"):
        compare.run(recipes(tmp_path, f'["{GONE}"]'), work, tmp_path / "out")


@pytest.mark.parametrize(
    ("backbones", "message"),
    [
        ("[]", "compare.backbones: nothing to compare"),
        ('["resnet-50"]', "'resnet-50': no such backbone; did you mean 'resnet50'?"),
        ('["freeze:resnet50"]', "'freeze:resnet50': no such backbone"),
        ('["small.toml", "small.toml"]', "one comes twice"),
        ('["small.toml"]\nreference = "resnet50"', "compare.reference = 'resnet50': it is not among"),
    ],
)
def test_names_that_mean_nothing_are_refused(tmp_path: Path, backbones: str, message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        compare.listed(load(recipes(tmp_path, backbones)))
    assert message in str(refused.value)


def test_a_family_may_be_frozen_or_tuned_and_all_share_folds_and_data(tmp_path: Path) -> None:
    path = recipes(tmp_path, '["frozen:resnet50", "fine-tune:resnet50", "vit-b", "small.toml"]')
    path.write_text(path.read_text().replace("folds = 2", "folds = 4\nseed = 3"))
    entries = compare.listed(load(path))
    assert [entry.recipe.train.mode for entry in entries] == ["frozen", "fine-tune", "frozen", "frozen"]
    assert {(entry.recipe.train.folds, entry.recipe.train.seed) for entry in entries} == {(4, 3)}
    assert len({entry.folder for entry in entries}) == 4
    assert [entry.recipe.model.pool for entry in entries] == ["mean", "mean", "token", "mean"]


def test_words_for_figures() -> None:
    assert bracketed({"value": 0.9123, "low": 0.88, "high": 1.0}) == ".912 [.880–1.000]"
    assert bracketed({"value": None, "low": None, "high": None}) == "not defined"
    assert signed({"value": -0.012, "low": -0.05, "high": 0.02}) == "-.012 [-.050 to +.020]"
    assert [chance(p) for p in (None, 0.0004, 0.042)] == ["p not defined", "p < .001", "p = .042"]


def test_places_of_the_forest_plot() -> None:
    figure = {"value": 0.75, "low": 0.5, "high": 1.0}
    one = {"name": "a", "mode": "frozen", "figures": {"auroc": figure, "sensitivity": figure, "accuracy": figure}}
    panel = forest({"backbones": [one], "reference": "a"})["panels"][0]
    (mark,) = panel["marks"]
    left, right = panel["ticks"][0]["x"], panel["ticks"][-1]["x"]
    assert (mark["low"], mark["x"], mark["high"]) == (left, (left + right) / 2, right)
    assert panel["line"] == mark["x"]


def test_operations_by_hand() -> None:
    """A linear head over 7 x 7 places costs width x classes each; all else of the network is the same."""
    of = [macs(create(ModelRecipe("test_efficientnet", "none", 0, 64), classes).eval(), 64) for classes in (2, 3)]
    model = create(ModelRecipe("test_efficientnet", "none", 0, 64), 2)
    assert of[1] - of[0] == model.head.in_channels * (64 // 32) ** 2
