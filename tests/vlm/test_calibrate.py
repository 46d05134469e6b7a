"""From a cross-validation to the numbers of an adapter, and from questions to an answer by the commands alone."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from tiny_vlm import LABELS, RECIPE

import hand_made
from mpoxlens.cli import main
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import draw, save
from mpoxlens.errors import DataError
from mpoxlens.evaluation.calibration import fit_calibration
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.schema import ImageRecord
from mpoxlens.vision.mae.leak import MARK
from mpoxlens.vlm import crossval
from mpoxlens.vlm.calibrate import calibrated_rules
from mpoxlens.vlm.recipe import RulesRecipe, VlmRecipe
from mpoxlens.vlm.rules_file import POSITIVE, read_rules


def test_rules_are_those_of_a_rash_and_hold_for_no_and_yes() -> None:
    rng = np.random.default_rng(3)
    label = [LABELS[i % 3] for i in range(90)]
    records = tuple(ImageRecord(f"{i:02}", "", name, "", None, 1, 1, f"{i}") for i, name in enumerate(label))
    mpox = np.array([name == "mpox" for name in label])
    logits = (rng.normal(0, 1, (90, 2)) + np.where(mpox[:, None], [2, 0], [0, 1])).astype(np.float32)
    names = tuple(record.sha256 for record in records)
    fold, turn = np.arange(90) // 6 % 3, np.zeros(90, np.int64)
    alone = Predictions(("mpox", "other"), names, np.int64(~mpox), names, fold, turn, logits, np.zeros(90))
    recipe = VlmRecipe(Path("x.toml"), rules=RulesRecipe(sensitivity=0.8))
    told = rng.normal(0, 1, 90) + np.where(mpox, 4, -4)
    rules = calibrated_rules(recipe, Manifest(Path(), records), alone, dict(zip(names, told.tolist(), strict=True)))

    rash = np.array([name != "healthy" for name in label])
    ours = [names[i] for i in np.flatnonzero(rash)]
    pairs = np.stack([told, 0 * told], axis=1).astype(np.float32)
    both = np.concatenate([logits[rash], pairs[rash]])
    expected = fit_calibration(both, np.tile(mpox[rash], 2), 0, ours * 2, recipe.train.seed, repeats=2)
    assert rules.calibration == expected
    no_yes = logits[:, ::-1]  # as asking has them
    turned = rules.calibration.probabilities(no_yes, POSITIVE)[:, POSITIVE]
    np.testing.assert_allclose(turned, expected.probabilities(logits, 0)[:, 0])
    assert np.mean(turned[rash & mpox] >= rules.operating_point) == pytest.approx(0.8, abs=0.04)
    assert rules.measured_on.startswith("60 photographs of a rash")
    assert 0.5 < rules.figures["auroc"] < 1


def test_a_skin_expert_that_saw_the_photographs_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    records = [hand_made.photograph(tmp_path / "photos", f"{label}/{i}.jpg", i) for i, label in enumerate(LABELS * 4)]
    work = hand_made.workspace(tmp_path / "ws", tmp_path / "photos", sorted(records, key=lambda one: one.sha256))
    encoder = tmp_path / "encoder.safetensors"
    save_file({"w": np.zeros(1, np.float32)}, encoder, {MARK: "see the .json beside it"})
    about = {
        "saw": [records[0].sha256],
        "apart": [],
        "encoder_sha256": hashlib.sha256(encoder.read_bytes()).hexdigest(),
    }
    encoder.with_suffix(".json").write_text(json.dumps(about))
    toml = RECIPE.replace('size = "tiny"', f'size = "mini"\nskin = "{encoder}"')
    (tmp_path / "leak.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(DataError, match=r"encoder\.safetensors"):
        crossval.run(tmp_path / "leak.toml", work.path, tmp_path / "asked", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_from_questions_to_an_answer_by_the_commands(tmp_path: Path) -> None:
    names = [f"{label}/{i}.jpg" for i, label in enumerate(LABELS * 6)]
    records = [hand_made.photograph(tmp_path / "photos", name, seed) for seed, name in enumerate(names)]
    work = hand_made.workspace(tmp_path / "ws", tmp_path / "photos", sorted(records, key=lambda one: one.sha256))
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    asked, out = str(tmp_path / "asked"), tmp_path / "run"
    paths = ["--data", str(work.path), "--instructions", asked, "--out", str(out)]

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    run("vlm", "instructions", "--data", str(work.path), "--out", asked, "--phantoms", "2", "--per-photo", "1")
    assert str(out / "final" / "adapter") in run("vlm", "train", str(tmp_path / "tiny.toml"), *paths)
    rules = read_rules(out / "final" / "adapter")
    assert 0 < rules.operating_point < 1
    save(draw(5), tmp_path / "rash.png")
    said = json.loads(run("ask", str(tmp_path / "rash.png"), "--adapter", str(out / "final" / "adapter"), "--json"))
    assert said["decision"] in ("mpox likely", "mpox unlikely", "cannot tell")
