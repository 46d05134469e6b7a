"""The export as the real readers take it: `mlcroissant` and `datasets`, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hand_made
from mpoxlens.datasets.export.export import export
from mpoxlens.datasets.workspace import Workspace

pytest.importorskip("datasets")
mlcroissant = pytest.importorskip("mlcroissant")
pytestmark = [  # of what mlcroissant uses
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated"),
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with images and two folds; do not alter it."""
    folder = tmp_path_factory.mktemp("export")
    seeds = {"healthy": (1, 2), 'mpox "2022"': (3, 4)}
    records = [
        hand_made.photograph(folder / "photos", f"{label}/{seed}.jpg", seed, tone=tone)
        for label, (a, b) in seeds.items()
        for seed, tone in ((a, "5-6"), (b, None))
    ]
    work = hand_made.workspace(folder / "ws", folder / "photos", records)
    hand_made.split(work, {r.sha256: str(k % 2) for k, r in enumerate(records)})
    export(work, folder / "out", images=True, unhidden=True)
    return folder / "out"


def _read(jsonld: Path) -> Any:
    return mlcroissant.Dataset(jsonld=jsonld)  # anew for each reading: it gives the records of a file set once only


def test_croissant_1_1_is_valid_without_errors_and_warnings(out: Path) -> None:
    issues = _read(out / "croissant.json").metadata.ctx.issues
    assert (set(issues.errors), set(issues.warnings)) == (set(), set())
    metadata = _read(out / "croissant.json").metadata
    assert metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    assert metadata.data_biases[0] == 'Labels: healthy (2), mpox "2022" (2).'
    assert "health data" in metadata.personal_sensitive_information[0]
    for field in (
        "data_collection",
        "data_limitations",
        "data_use_cases",
        "data_social_impact",
        "data_collection_type",
    ):
        assert getattr(metadata, field), field


def test_the_checker_would_have_told(out: Path, tmp_path: Path) -> None:
    document = json.loads((out / "croissant.json").read_text(encoding="utf-8"))
    del document["license"]
    document["recordSet"][1]["field"][0]["source"]["fileSet"]["@id"] = "nowhere"
    (tmp_path / "croissant.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(mlcroissant.ValidationError, match="nowhere"):
        _read(tmp_path / "croissant.json")


def test_croissant_gives_the_records_of_the_parquet_files(out: Path) -> None:
    rows = list(_read(out / "croissant.json").records("photographs"))
    assert sorted(row["photographs/path"].decode() for row in rows) == [
        "healthy/1.jpg",
        "healthy/2.jpg",
        'mpox "2022"/3.jpg',
        'mpox "2022"/4.jpg',
    ]
    names = {row["labels/index"]: row["labels/name"] for row in _read(out / "croissant.json").records("labels")}
    assert all(row["photographs/path"].decode().startswith(names[row["photographs/label"]]) for row in rows)
    assert {row["photographs/image"].size for row in rows} == {(128, 128)}
    assert {row["photographs/tone"] for row in rows} == {b"5-6", None}
    assert {row["photographs/part"] for row in rows} == {b"0", b"1"}


def test_croissant_without_images_is_valid_too(out: Path, tmp_path: Path) -> None:
    export(Workspace(out.parent / "ws"), tmp_path / "out")
    dataset = _read(tmp_path / "out" / "croissant.json")
    assert not dataset.metadata.ctx.issues.warnings
    assert len(list(dataset.records("photographs"))) == 4


LOAD = """
import json, sys
from datasets import load_dataset
found = load_dataset(sys.argv[1])
image = found["fold_0"][0]["image"]
print(json.dumps({
    "rows": {name: len(rows) for name, rows in found.items()},
    "labels": found["fold_0"].features["label"].names,
    "image": [type(found["fold_0"].features["image"]).__name__, image.mode, *image.size],
    "right": all(r["path"].startswith(x.features["label"].int2str(r["label"])) for x in found.values() for r in x),
}))
"""


def test_datasets_loads_it_offline_with_images_and_label_names(out: Path, tmp_path: Path) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-W", "error", "-c", LOAD, str(out)]
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "rows": {"fold_0": 2, "fold_1": 2},
        "labels": ["healthy", 'mpox "2022"'],
        "image": ["Image", "RGB", 128, 128],
        "right": True,
    }
