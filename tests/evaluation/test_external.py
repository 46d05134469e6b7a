"""A bundle judged on photographs that it has not learned from, from the folder to the summary."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

import tiny
from mpoxlens import bundle as bundles
from mpoxlens.bundle import Bundle, default_path
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.tables import read_table
from mpoxlens.errors import BundleError, DataError
from mpoxlens.evaluation import external, leak
from mpoxlens.evaluation.metrics import auroc
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.summary import Summary, lines, schema_text
from mpoxlens.screening.engine import Screener
from real import SHARED

LOOKS = {"Monkeypox": ("pustule", 9), "chickenpox": ("vesicle", 9), "healthy": ("macule", 0), "impetigo": ("papule", 8)}
PHOTOS = 4  # of each label


def drawn(root: Path, labels: dict[str, tuple[str, int]], first: int = 0) -> Path:
    for row, (label, (stage, count)) in enumerate(labels.items()):
        (root / label).mkdir(parents=True)
        for i in range(PHOTOS):
            tint = np.array([40 * (label == "Monkeypox") - 20, 0, 0])  # the tiny network's mpox is red
            pixels = draw(first + 100 * row + i, stage=stage, count=count, tone=45 - 10 * i, size=128).pixels
            Image.fromarray((pixels + tint).clip(0, 255).astype(np.uint8)).save(root / label / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("external") / "clinic", LOOKS)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("found")


@pytest.fixture(scope="module")
def found(tiny_path: Path, data: Path, out: Path) -> Summary:
    return external.run(tiny_path, data, None, out, stress=False)


def test_the_summary_keeps_the_published_form(found: Summary, out: Path) -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(found.to_json()), schema)
    assert json.loads((out / "summary.json").read_text()) == json.loads(found.to_json())


def test_everything_is_counted(found: Summary) -> None:
    told = found.content["dataset"]
    assert told["labels"] == {"mpox": PHOTOS, "chickenpox": PHOTOS, "healthy": PHOTOS}
    assert told["other_labels"] == {"impetigo": PHOTOS}
    assert (told["found"], told["photographs"], told["name"]) == (4 * PHOTOS, 4 * PHOTOS, "clinic")
    renamed, apart = told["notes"]
    assert renamed == "The label Monkeypox is read as mpox."
    assert apart.startswith("The bundle has no label for impetigo (4 photographs): they are in no AUROC, sensitivity ")
    assert found.content["figures"]["rash_only"]["photos"] == 2 * PHOTOS
    assert found.content["figures"]["with_healthy"]["photos"] == 3 * PHOTOS


def test_figures_are_those_of_the_written_table_by_the_bundles_own_rules(found: Summary, out: Path) -> None:
    table, spec = Predictions.read(out / "predictions.parquet"), tiny.spec()
    rash = table.take(table.asked())
    p = spec.calibration.probabilities(rash.logits, 0)[:, 0]
    positive = rash.target == 0
    told = found.content["figures"]["rash_only"]
    assert told["auroc"]["value"] == round(auroc(positive, p), 4)
    assert told["sensitivity"]["value"] == round(float((p[positive] >= spec.operating_point).mean()), 4)
    assert told["specificity"]["value"] == round(float((p[~positive] < spec.operating_point).mean()), 4)
    assert told["brier"]["value"] == round(float(((p - positive) ** 2).mean()), 4)


def test_every_photograph_gets_the_clinics_own_answer(
    data: Path, found: Summary, out: Path, screener: Screener
) -> None:
    rows = read_table(out / "judgements.parquet", "").to_pylist()
    assert len(rows) == 4 * PHOTOS
    for row in rows:
        seen = screener.screen(data / row["file"])
        assert row["decision"] == seen.decision
        assert row["probability"] == pytest.approx(seen.photo_probability, abs=1e-6)


def test_what_the_bundle_has_no_label_for_is_reported_apart(found: Summary, out: Path) -> None:
    rows = read_table(out / "judgements.parquet", "").to_pylist()
    mimics = [row for row in rows if row["label"] == "impetigo"]
    mpox = sorted(row["probability"] for row in rows if row["label"] == "mpox")
    told = found.content["mimics"]["by_label"]["impetigo"]
    assert told["called"]["value"] == np.mean([row["called"] for row in mimics])
    assert told["told_likely"]["value"] == np.mean([row["decision"] == "mpox likely" for row in mimics])
    assert told["cannot_tell"]["value"] == np.mean([row["decision"] == "cannot tell" for row in mimics])
    # 90 % of 4 may miss none of them
    assert told["called_at_sensitivity_90"]["value"] == np.mean([row["probability"] >= mpox[0] for row in mimics])
    assert not any(row["label"] == "impetigo" for row in read_table(out / "predictions.parquet", "").to_pylist())


def test_the_table_for_people_names_what_matters(found: Summary) -> None:
    text = "\n".join(lines(found.content))
    assert "Leak check: not possible. The bundle has no record" in text
    assert "sensitivity at the shipped threshold" in text
    assert "impetigo" in text
    assert "The bundle has no label for impetigo (4 photographs)" in text
    assert "Only 8 clusters: intervals from so few are too narrow." in text


def with_record(bundle: Path, folder: Path, record: dict[str, object]) -> Path:
    loaded = Bundle.load(bundle, check_golden=False)
    spec = replace(loaded.spec, training={**loaded.spec.training, "photographs": record})
    golden = json.loads((bundle / "golden.json").read_text())
    return bundles.write(folder, spec, (bundle / "model.onnx").read_bytes(), golden, "# card\n")


def test_what_was_learned_from_is_left_out_and_named(tiny_path: Path, data: Path, tmp_path: Path) -> None:
    learned = tmp_path / "learned" / "mpox"
    learned.mkdir(parents=True)
    shutil.copy(data / "chickenpox" / "0.png", learned)
    record = leak.record(collect([learned.parent]).paths, tmp_path / "prints")
    found = external.run(with_record(tiny_path, tmp_path / "b", record), data, None, tmp_path / "out", stress=False)
    told = found.content["leak"]
    assert [(one["file"], one["how"]) for one in told["photographs"]] == [("chickenpox/0.png", "sha256")]
    assert told["possible"]
    assert told["checked"] == ["sha256", "print"]
    assert found.content["dataset"]["labels"]["chickenpox"] == PHOTOS - 1
    assert found.content["dataset"]["found"] == 4 * PHOTOS


def test_a_set_that_was_learned_whole_is_refused_before_copies_are_looked_for(
    tiny_path: Path, data: Path, tmp_path: Path
) -> None:
    record = {"method": "none", "sha256": sorted(collect([data]).paths), "prints": []}
    with pytest.raises(DataError, match="learned from all of its 16 photographs"):
        external.run(with_record(tiny_path, tmp_path / "b", record), data, None, tmp_path / "out")
    assert not (tmp_path / "out" / "data" / "links.parquet").exists()


@pytest.mark.parametrize("label", ["cats", "class_1"])
def test_labels_of_nothing_are_refused(tiny_path: Path, tmp_path: Path, label: str) -> None:
    data = drawn(tmp_path / "d", {label: ("macule", 9)})
    with pytest.raises(DataError, match=f"none of its labels \\({label}\\) is one of the bundle's"):
        external.run(tiny_path, data, None, tmp_path / "out")


@pytest.mark.parametrize(
    ("labels", "auroc_known"),
    [({"mpox": ("pustule", 9)}, False), ({"healthy": ("macule", 0)}, None), ({"impetigo": ("papule", 8)}, None)],
    ids=["mpox alone", "healthy alone", "mimics alone"],
)
def test_part_of_the_labels_gives_part_of_the_figures(
    tiny_path: Path, tmp_path: Path, labels: dict[str, tuple[str, int]], auroc_known: bool | None
) -> None:
    found = external.run(tiny_path, drawn(tmp_path / "d", labels), None, tmp_path / "out").content
    jsonschema.validate(found, json.loads(schema_text()))
    assert found["stress"] is None
    if auroc_known is None:
        assert found["figures"] is None
    else:
        assert found["figures"]["rash_only"]["auroc"]["value"] is None
        assert found["figures"]["rash_only"]["sensitivity"]["value"] is not None
    if "impetigo" in labels:
        assert found["mimics"]["all"]["called_at_sensitivity_90"] is None
    assert (tmp_path / "out" / "report.html").is_file()


def test_without_others_of_its_labels_the_missing_auroc_is_explained(tiny_path: Path, tmp_path: Path) -> None:
    data = drawn(tmp_path / "d", {"mpox": ("pustule", 9), "impetigo": ("papule", 8)})
    found = external.run(tiny_path, data, None, tmp_path / "out", stress=False).content
    why = "No AUROC: it needs mpox and others that the bundle has a label for, and all 4 are mpox."
    apart = "The bundle has no label for impetigo (4 photographs)"
    assert found["figures"]["rash_only"]["auroc"]["value"] is None
    page = (tmp_path / "out" / "report.html").read_text()
    for text in ("\n".join(lines(found)), page):
        assert why in text
        assert apart in text


def test_a_runs_folder_is_not_its_bundle(tiny_path: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_path, tmp_path / "runs" / "mine" / "bundle")
    with pytest.raises(BundleError, match=f"no such file; did you mean {tmp_path}/runs/mine/bundle\\?$"):
        external.run(tmp_path / "runs" / "mine", data, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()  # nothing was read


def test_a_damaged_bundle_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such file"):
        external.run(tmp_path / "none", data, None, tmp_path / "out")


def test_results_among_the_photographs_are_refused(tiny_path: Path, data: Path) -> None:
    with pytest.raises(DataError, match="lies among the photographs"):
        external.run(tiny_path, data, None, data / "out")
    assert not (data / "out" / "data").exists()
    (data / "out").rmdir()


@pytest.mark.slow
def test_probes_are_run_and_drawn(tiny_path: Path, data: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = external.run(tiny_path, data, None, tmp_path / "out", lambda *step: told.append(step)).content
    jsonschema.validate(found, json.loads(schema_text()))
    stress = [(done, of) for stage, done, of in told if stage == "stress"]
    assert stress == sorted(stress)
    assert (stress[0][0], stress[-1]) == (1, (stress[0][1], stress[0][1]))  # one count, which ends where it says
    assert {stage for stage, _, _ in told} <= {"reading", "looking for copies", "comparing prints", "judging", "stress"}
    assert {of for stage, _, of in told if stage == "looking for copies"} == {4 * PHOTOS}
    assert {"shortcuts", "robustness", "strange"} == set(found["stress"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(f"<h2>{title}</h2>" in page for title in ("Shortcuts", "Robustness", "Strange pictures"))


@pytest.mark.slow
@pytest.mark.real_data
def test_the_shared_photographs_are_refused_by_the_bundle_that_learned_from_them(tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared photographs are not on this machine")
    bundle = default_path()
    if "photographs" not in Bundle.load(bundle, check_golden=False).spec.training:  # of before the record was kept
        with (SHARED / "labels.csv").open(newline="") as table:
            sha256 = sorted({row["sha256"] for row in csv.DictReader(table)})
        bundle = with_record(bundle, tmp_path / "b", {"method": "none", "sha256": sha256, "prints": []})
    with pytest.raises(DataError, match="the bundle has learned from all of its"):
        external.run(bundle, SHARED, None, tmp_path / "out")
