"""The workshop's whole run, on drawings: every stage is the real one."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpoxlens.bundle import Bundle
from mpoxlens.errors import CheckpointError, DataError, DivergedError
from mpoxlens.evaluation.out_of_fold import OutOfFoldJudge
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.photo import read_photo
from mpoxlens.vision import learner, summary, teachers
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.compare_page import bracketed
from mpoxlens.vision.fit import TrainingSet
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.train import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(drawn_data: Path, drawn_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    run(drawn_recipe, drawn_data, out)
    return out


def copied(run: Path, folder: Path) -> Path:
    """Copy a run as it was before its networks had judged."""
    shutil.copytree(run, folder)
    for outputs in folder.glob("fold*/outputs.npz"):
        outputs.unlink()
    return folder


def test_a_run_ends_in_a_bundle_that_verifies_and_runs(finished: Path) -> None:
    bundle = Bundle.load(finished / "bundle")
    out = bundle.run(np.zeros((2, 3, 64, 64), np.float32))
    assert bundle.spec.name == "drawn"
    np.testing.assert_allclose(out.cam.mean(axis=(2, 3)), out.logits, atol=1e-5)  # the map sums to the score
    assert bundle.spec.map is not None
    assert bundle.spec.map.inputs == 40


def test_what_the_verb_prints_when_it_is_done(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary.trained(finished / "bundle")
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads((finished / "bundle" / "bundle.json").read_text())["figures"]
    assert any(
        line.startswith("AUROC, rash only") and bracketed(figures["rash_only"]["auroc"]) in line for line in lines
    )
    assert lines[-2:] == [f"bundle: {finished / 'bundle'}", f"report: {finished / 'report.html'}"]


def test_the_run_leaves_a_prediction_of_every_photograph_and_no_cluster_in_two_folds(finished: Path) -> None:
    table = Predictions.read(finished / "predictions.parquet")
    assert len(set(table.sha256)) == len(table.sha256) == 24
    folds_of: dict[str, set[int]] = {}
    for cluster, fold in zip(table.cluster, table.fold.tolist(), strict=True):
        folds_of.setdefault(cluster, set()).add(fold)
    assert all(len(folds) == 1 for folds in folds_of.values())


def test_the_bundle_knows_the_photographs_that_it_learned_from(finished: Path) -> None:
    known = Bundle.load(finished / "bundle").spec.training["photographs"]
    assert known["sha256"] == sorted(Predictions.read(finished / "predictions.parquet").sha256)
    assert len(known["prints"]) == 24


def test_the_run_keeps_its_recipe_and_its_folds_judge_by_it(
    finished: Path, drawn_data: Path, drawn_recipe: Path
) -> None:
    kept, given = load(finished / "recipe.toml"), load(drawn_recipe)
    assert (kept.sha256, kept.bundle) == (given.sha256, given.bundle)
    photos = [read_photo(path) for path in sorted(drawn_data.glob("m*/*.png"))]
    assert len(photos) == 12
    OutOfFoldJudge(finished).check([photo.pixels for photo in photos], [photo.sha256 for photo in photos])


def test_the_card_and_the_report_carry_the_figures_of_the_bundle(finished: Path) -> None:
    figures = json.loads((finished / "bundle" / "bundle.json").read_text())["figures"]
    accuracy = f"{figures['four_class']['accuracy']['value']:.3f}".removeprefix("0")
    assert accuracy in (finished / "bundle" / "card.md").read_text()
    assert accuracy in (finished / "report.html").read_text()
    assert list(finished.glob("fold0/events.out.tfevents.*"))


def test_a_killed_run_goes_on_and_ends_with_the_same_network(
    finished: Path, drawn_data: Path, drawn_recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "mpoxlens", "train", drawn_recipe, "--data", drawn_data, "--out", out]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "fold0" / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "bundle" / "bundle.json").exists()
    run(drawn_recipe, drawn_data, out)
    assert (out / "bundle" / "model.onnx").read_bytes() == (finished / "bundle" / "model.onnx").read_bytes()


def test_a_folder_with_a_run_of_another_recipe_is_refused(finished: Path, drawn_data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[model]\nweights = "none"\nsize = 32\n')
    with pytest.raises(
        CheckpointError, match=r"a run of another recipe than other\.toml as it is now; name a new folder"
    ):
        run(other, drawn_data, finished)


def test_a_run_on_other_labels_is_refused_lest_a_fold_judge_what_it_learned(
    finished: Path, drawn_data: Path, drawn_recipe: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn_data, data)
    out = copied(finished, tmp_path / "out")
    (data / "mpox" / "0.png").rename(data / "measles" / "moved.png")
    manifest = (out / "data" / "manifest.parquet").read_bytes()
    with pytest.raises(
        CheckpointError, match=r"it holds a run of other photographs or labels than those in .*/data; name"
    ):
        run(drawn_recipe, data, out)
    assert (out / "data" / "manifest.parquet").read_bytes() == manifest


def test_every_fold_is_fitted_on_other_clusters_than_it_judges(
    finished: Path, drawn_data: Path, drawn_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    real = learner.fit

    def spy(recipe: Recipe, data: TrainingSet, *rest: Any) -> Classifier:
        seen.append(set(data.clusters))
        return real(recipe, data, *rest)

    monkeypatch.setattr(learner, "fit", spy)
    out = copied(finished, tmp_path / "out")
    run(drawn_recipe, drawn_data, out)
    table = Predictions.read(out / "predictions.parquet")
    assert len(seen) == 3
    for fold in (0, 1):
        judged = {table.cluster[i] for i in np.flatnonzero(table.fold == fold)}
        assert judged
        assert not judged & seen[fold]
    assert seen[2] == set(table.cluster)


def test_a_damaged_checkpoint_is_refused(finished: Path, drawn_data: Path, drawn_recipe: Path, tmp_path: Path) -> None:
    out = copied(finished, tmp_path / "damaged")
    whole = (out / "fold1" / "checkpoint.pt").read_bytes()
    changed = bytes(byte ^ (i == len(whole) // 2) for i, byte in enumerate(whole))  # a bit amid the weights
    for content in (b"cut", changed):
        (out / "fold1" / "checkpoint.pt").write_bytes(content)
        with pytest.raises(
            CheckpointError,
            match=r"checkpoint\.pt: damaged, so that it cannot be read; remove it to fit this part anew",
        ):
            run(drawn_recipe, drawn_data, out)


def test_a_full_disk_is_one_line_and_nothing_is_half_written(
    drawn_data: Path, drawn_recipe: Path, tmp_path: Path
) -> None:
    """The operating system refuses the writing: no file of this process may grow beyond 10 MB, a checkpoint has 40."""
    out = tmp_path / "full"
    code = (
        "import resource, signal, sys; from mpoxlens.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10**7, 10**7)); main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "train", drawn_recipe, "--data", drawn_data, "--out", out]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "reading: 24 of 24" in done.stderr.splitlines()  # a log shows how far it is
    assert "Traceback" not in done.stderr
    assert "checkpoint.part: cannot be written" in done.stderr.splitlines()[-1]
    assert "free some space and start the same command again" in done.stderr.splitlines()[-1]
    assert not list(out.rglob("checkpoint*"))


def test_a_loss_that_is_not_finite_stops_the_run(drawn_data: Path, drawn_recipe: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "wild.toml"
    recipe.write_text(drawn_recipe.read_text().replace("batch = 8", "batch = 8\nlr = 1e30"))
    with pytest.raises(DivergedError, match=r"the loss is not finite; lower train\.lr"):
        run(recipe, drawn_data, tmp_path / "wild")


def test_a_finished_run_teaches_another_each_fold_by_the_one_that_holds_out_the_same(
    finished: Path, drawn_data: Path, drawn_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = teachers._load

    def spy(model: Classifier, path: Path) -> None:
        asked.append(path.parent.name)
        real(model, path)

    monkeypatch.setattr(teachers, "_load", spy)
    recipe = tmp_path / "student.toml"
    distil = f'[distil]\nteachers = ["{finished}"]\nweight = 0.5\nfeature_weight = 0.1\nphantoms = 4\n'
    recipe.write_text(drawn_recipe.read_text().replace("epochs = 2", "epochs = 1\nhead_epochs = 0") + distil)
    bundle = Bundle.load(run(recipe, drawn_data, tmp_path / "student"))
    assert asked == ["fold0", "fold1", "final"]
    assert bundle.spec.training["teachers"] == [str(finished)]
    taught = Predictions.read(tmp_path / "student" / "predictions.parquet")
    assert taught.fold.tolist() == Predictions.read(finished / "predictions.parquet").fold.tolist()


def test_a_label_with_too_few_clusters_is_refused_before_any_training(
    drawn_data: Path, tmp_path: Path, drawn_recipe: Path
) -> None:
    root = tmp_path / "few"
    shutil.copytree(drawn_data, root)
    for file in sorted((root / "measles").iterdir())[1:]:
        file.unlink()
    with pytest.raises(DataError, match="label measles: 1 cluster is too few for 2 folds; add photographs of other"):
        run(drawn_recipe, root, tmp_path / "out")
    assert not (tmp_path / "out" / "fold0").exists()
    assert not (tmp_path / "out" / "recipe.sha256").exists()
