"""Two processes that share a model (FSDP) learn what one learns alone, and their files are those of one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from two_vlm_processes import RATES, half_base
from vlm_data import base, drawn, recipe

from mpoxlens.vlm import stages, train
from mpoxlens.vlm.adapter import load_adapter

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
RECIPES = HERE.parents[1] / "recipes"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes did all their fits."""
    out = tmp_path_factory.mktemp("two")
    launch = [Path(sys.executable).with_name("accelerate"), "launch", "--config_file", RECIPES / "accelerate-fsdp.yaml"]
    free = ["--main_process_port", "0"]
    command = [*launch, "--num_processes", "2", *free, HERE / "two_vlm_processes.py", out]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def in_32_bits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    AcceleratorState._reset_state()  # it holds to the precision that it was begun with
    monkeypatch.setattr(stages, "PRECISION", "no")
    yield
    AcceleratorState._reset_state()


def results(two: Path) -> list[dict[str, Any]]:
    return [torch.load(two / f"{rank}.pt", weights_only=True) for rank in range(2)]


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


@pytest.mark.usefixtures("in_32_bits")
def test_two_processes_learn_what_one_learns(two: Path, tmp_path: Path) -> None:
    first, second = results(two)
    assert 0.45 < first["share"] < 0.55
    losses: list[str] = []
    side = drawn(tmp_path / "drawn").side()
    before = {name: p.detach().clone() for name, p in base()[0].named_parameters()}
    one = train.fit(recipe(**RATES), side, tmp_path / "one", lambda stage, *_: losses.append(stage), base=base())
    found = one.model.state_dict()
    moved = {name: float((found[name] - was).abs().max()) for name, was in before.items() if name in found}
    assert moved["photo_projector.0.weight"] > 0.03
    assert first["losses"] == second["losses"] == losses
    assert first["last"] == pytest.approx(one.loss, abs=1e-4)
    assert apart(first["whole"], second["whole"]) == 0
    assert apart(first["whole"], found) < 1e-4


@pytest.mark.usefixtures("in_32_bits")
def test_one_process_takes_up_what_two_left(two: Path, tmp_path: Path) -> None:
    """Their checkpoint is that of one, and their adapter's file too."""
    wanted = results(two)[0]["whole"]
    done = train.fit(recipe(**RATES), drawn(tmp_path / "drawn").side(), two / "whole", base=base())
    assert math.isnan(done.loss)  # nothing was left to do
    assert apart(done.model.state_dict(), wanted) == 0
    model, _ = base()
    load_adapter(two / "whole" / "adapter", model)
    assert apart(model.state_dict(), {n: t.half().float() if _learnt(n) else t for n, t in wanted.items()}) == 0


def _learnt(name: str) -> bool:
    return "projector" in name or ".lora_" in name


def test_a_resumed_fit_in_16_bits_is_the_unbroken_one(two: Path) -> None:
    """With dropout, and the base in 16 bits beside an adapter in 32."""
    first, second = results(two)
    assert apart(first["resumed"], first["unbroken"]) == 0
    assert apart(first["resumed"], second["resumed"]) == 0
    found, plain = first["unbroken"], half_base()[0].state_dict()
    for name, value in found.items():
        assert value.dtype == (torch.float32 if _learnt(name) else torch.bfloat16), name
    frozen = [name for name in plain if not _learnt(name) and name in found]
    assert frozen
    assert all(torch.equal(found[name], plain[name]) for name in frozen)
    half, whole = ([float(told.split("loss ")[1]) for told in first[name]][:1] for name in ("half", "losses"))
    assert half == pytest.approx(whole, abs=0.1)  # the first is before anything was dropped or learned
