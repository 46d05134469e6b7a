"""Two processes on a processor give what one gives: the batch, its statistics and its gradient are the same."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mpoxlens.bundle import Bundle
from mpoxlens.evaluation.predictions import Predictions

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parent / "two_processes.py"
RECIPE = """
[model]
backbone = "{backbone}"
weights = "none"
frozen_blocks = {frozen}
size = 64
[train]
head_epochs = 1
unfreeze = 1
epochs = 3
batch = 7  # 20 photographs: uneven shares, and a last batch of six
lr = 1e-3
patience = 2
validation = 0.2
"""
ONE = (sys.executable,)
TWO = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def fitted(out: Path, launcher: tuple[str, ...], backbone: str, frozen: int = 0, precision: str = "no") -> list[Any]:
    out.mkdir()
    (out / "recipe.toml").write_text(RECIPE.format(backbone=backbone, frozen=frozen))
    done = subprocess.run([*launcher, SCRIPT, out, precision], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [torch.load(path, weights_only=True) for path in sorted(out.glob("?.pt"))]


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


def test_two_processes_end_with_the_network_of_one(tmp_path: Path) -> None:
    (one,) = fitted(tmp_path / "one", ONE, "test_efficientnet")
    first, second = fitted(tmp_path / "two", TWO, "test_efficientnet")
    assert first["losses"] == second["losses"]
    assert apart(first["weights"], second["weights"]) == 0
    assert first["losses"] == pytest.approx(one["losses"], abs=1e-4)
    assert apart(one["weights"], first["weights"]) < 1e-4
    assert len(list((tmp_path / "two" / "run").glob("events.out.tfevents.*"))) == 1  # one process writes


def launched(verb: str, recipe: str, data: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "r.toml").write_text(recipe)
    command = [Path(sys.executable).with_name("accelerate"), "launch", "--cpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "mpoxlens"]
    command += [verb, folder / "r.toml", "--data", data, "--out", folder / "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_the_command_line_trains_in_two_processes(drawn_data: Path, tmp_path: Path) -> None:
    recipe = '[model]\nbackbone = "test_efficientnet"\nweights = "none"\nfrozen_blocks = 0\nsize = 64\n'
    recipe += "[train]\nfolds = 2\nhead_epochs = 0\nepochs = 1\nbatch = 8\n"
    done = launched("train", recipe, drawn_data, tmp_path)
    assert Bundle.load(tmp_path / "run" / "bundle").spec.training["backbone"] == "test_efficientnet"
    assert done.stderr.count("all folds, loss") == 3  # one process tells: three steps
    for part in ("fold0", "fold1", "final"):
        assert len(list((tmp_path / "run" / part).glob("events.out.tfevents.*"))) == 1


def test_frozen_features_are_computed_by_one_of_two_processes(drawn_data: Path, tmp_path: Path) -> None:
    recipe = '[model]\nbackbone = "test_efficientnet"\nweights = "none"\nfrozen_blocks = 0\nsize = 64\n'
    recipe += '[train]\nmode = "frozen"\nfolds = 2\ninverse_penalty = 0.1\n'
    done = launched("crossval", recipe, drawn_data, tmp_path)
    assert done.stderr.count("features: 24 of 24") == 1
    assert done.stdout.count("out of fold") == 1
    assert len(Predictions.read(tmp_path / "run" / "predictions.parquet").sha256) == 24
