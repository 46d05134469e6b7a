"""Figures of a real file in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests import tiny

from mpoxlens.errors import BundleError, DataError
from mpoxlens.optimise.benchmark import benchmark, cores
from mpoxlens.optimise.measure_one import MIB
from mpoxlens.optimise.optimise_command import benchmark as verb


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("tiny") / "bundle")


def test_a_bundle_is_measured(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(verb, [str(bundle), "--runs", "20", "--out", str(out)], catch_exceptions=False)
    found = json.loads(out.read_text())
    (row,) = found["rows"]
    assert (row["runtime"], row["threads"], row["runs"]) == ("onnx", 1, 20)
    assert row["bytes"] == len(tiny.model())
    assert 0 < row["p50_ms"] <= row["p95_ms"]
    assert row["per_second"] <= 1000 / row["p50_ms"] * 2
    assert 0 <= row["model_mib"] < row["peak_mib"]
    assert "bundle/model.onnx" in done.output
    assert f"{cores()} cores" in done.output


def test_more_threads_than_cores_are_refused(bundle: Path) -> None:
    with pytest.raises(DataError, match=rf"--threads 999: this process may use {cores()} cores"):
        benchmark([bundle], [999], 1)


def test_what_cannot_be_measured_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file in it ends in \.onnx, \.tflite, \.pte"):
        benchmark([tmp_path], [1], 1)
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError, match=r"broken\.onnx: the runtime cannot load it"):
        benchmark([tmp_path], [1], 1)


def test_threads_are_numbers(bundle: Path) -> None:
    done = CliRunner().invoke(verb, [str(bundle), "--threads", "two"])
    assert done.exit_code == 2
    assert "numbers separated by commas" in done.output


def test_peak_memory_rises_with_what_is_held() -> None:
    """In a process of its own: this one may have held more before."""
    held = "before = peak_memory(); held = b'x' * (64 << 20); print(peak_memory() - before)"
    command = [sys.executable, "-c", f"from mpoxlens.optimise.measure_one import peak_memory; {held}"]
    assert int(subprocess.check_output(command)) > 32 * MIB
