"""An adapter on photographs of others: what `mpoxlens evaluate` says is what `mpoxlens ask` would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tiny_assistant import rules, save

from mpoxlens import cli
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.tables import read_table
from mpoxlens.errors import CheckpointError
from mpoxlens.evaluation import external
from mpoxlens.evaluation.summary import Summary, schema_text
from mpoxlens.rules import OutOfDistribution
from mpoxlens.schema import Decision, Photo
from mpoxlens.screening import gate
from mpoxlens.vlm.asking import Assistant
from mpoxlens.vlm.looker import AdapterLooker
from mpoxlens.vlm.rules_file import write_rules

LOOKS = {"Monkeypox": ("pustule", 9), "chickenpox": ("vesicle", 9), "measles": ("macule", 12), "normal": ("macule", 0)}
PHOTOS = 3  # of each label


def photo(seed: int) -> Photo:
    """Return a photograph that the gate lets through."""
    pixels = draw(seed, size=320).pixels
    return Photo(pixels, "drawn", f"{seed:064x}", 320, 320)


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the tiny model with all its rules."""
    folder = save(tmp_path_factory.mktemp("adapter"))
    size = len(Assistant.load(folder).said(photo(5))[1])
    ood = OutOfDistribution(np.zeros(size, np.float32), np.eye(2, size, dtype=np.float32), 1.0, 1e6)
    write_rules(replace(rules(), ood=ood), folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("others") / "clinic"
    for row, (label, (stage, count)) in enumerate(LOOKS.items()):
        (root / label).mkdir(parents=True)
        for i in range(PHOTOS):
            pixels = draw(100 * row + i, stage=stage, count=count, tone=45.0 - 10 * i, size=224).pixels
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("found")


@pytest.fixture(scope="module")
def found(folder: Path, data: Path, out: Path) -> Summary:
    return external.run(folder, data, None, out)


def test_it_is_judged_on_mpox_or_not(found: Summary, out: Path) -> None:
    jsonschema.validate(json.loads(found.to_json()), json.loads(schema_text()))
    told = found.content["dataset"]
    assert told["labels"] == {"mpox": PHOTOS, "other": 2 * PHOTOS, "healthy": PHOTOS}
    assert "The label chickenpox is read as other." in told["notes"]
    assert external.NO_PROBES in told["notes"]
    assert found.content["figures"]["rash_only"]["photos"] == 3 * PHOTOS
    assert found.content["figures"]["with_healthy"]["photos"] == 4 * PHOTOS
    assert not found.content["mimics"]
    assert "mpox_vlm tiny" in (out / "report.html").read_text(encoding="utf-8")


def test_every_photograph_gets_the_answer_of_ask(found: Summary, folder: Path, data: Path, out: Path) -> None:
    assistant = Assistant.load(folder)
    rows = read_table(out / "judgements.parquet", "").to_pylist()
    assert len(rows) == 4 * PHOTOS
    for row in rows:
        answer = assistant.ask(data / row["file"])
        assert row["decision"] == answer.decision
        assert row["probability"] == pytest.approx(answer.photo_probability, abs=1e-6)


def test_a_refusal_of_the_model_itself_is_no_decision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looker = AdapterLooker.load(folder)
    monkeypatch.setattr(Assistant, "_logits", lambda *_: np.array([0.0, 5.0, 9.0], np.float32))
    seen = looker.look([photo(5)])
    assert seen.refuses.tolist() == [True]
    p = np.array([0.99])
    told = looker.rules.decided(p, seen.score, [gate.check(photo(5))], seen.refuses)
    assert told.decision == (Decision.CANNOT_TELL,)


def test_an_adapter_that_cannot_tell_what_is_strange_is_refused(folder: Path, tmp_path: Path) -> None:
    old = save(tmp_path / "old")
    found = CliRunner().invoke(cli.main, ["evaluate", str(old), str(tmp_path)])
    assert found.exit_code != 0
    assert "train the adapter again" in found.output
    with pytest.raises(CheckpointError, match="nothing can be called unfamiliar"):
        AdapterLooker.load(old)


@pytest.mark.parametrize(
    ("label", "meant"), [("Monkeypox", "mpox"), ("Others", "other"), ("nevus", "other"), ("Normal skin", "healthy")]
)
def test_every_label_is_yes_or_no_to_a_model_that_knows_no_more(label: str, meant: str) -> None:
    assert external._meant(label, AdapterLooker.labels) == meant
    assert external._meant("nevus", ("mpox", "chickenpox", "healthy")) == "nevus"
