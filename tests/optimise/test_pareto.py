"""A table and a page from benchmarks and the descriptions beside the files."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from mpoxlens.errors import DataError
from mpoxlens.optimise.optimise_command import VERBS
from mpoxlens.optimise.pareto import picture, read, write

AREA = {"value": 0.936, "low": 0.896, "high": 0.971}
TOLD = {"value": 0.82, "low": 0.76, "high": 0.88}


def described(folder: Path, name: str, runtime: str, **told: object) -> str:
    path = folder / name
    path.with_name(f"{name}.json").write_text(json.dumps({"runtime": runtime, "precision": "fp32", **told}))
    return str(path)


def benchmark(path: Path, files: list[tuple[str, int, float]], machine: str = "desk") -> Path:
    rows = [
        {"file": file, "threads": threads, "bytes": 4_000_000, "p50_ms": ms, "model_mib": 30.0}
        for file, threads, ms in files
    ]
    path.write_text(json.dumps({"machine": machine, "rows": rows}))
    return path


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    whole = described(tmp_path, "a.onnx", "onnx", held_out={"auroc": AREA, "decided": TOLD, "passes": True})
    poor = described(
        tmp_path, "b.onnx", "onnx", held_out={"auroc": AREA | {"value": 0.9}, "decided": TOLD, "passes": False}
    )
    other = described(tmp_path, "c<.tflite", "litert")
    return benchmark(tmp_path / "one.json", [(whole, 2, 6.0), (whole, 1, 10.0), (poor, 1, 5.0), (other, 1, 12.0)])


def test_cost_is_of_one_thread_and_quality_of_the_description(measured: Path) -> None:
    variants, machine = read([measured])
    assert machine == "desk"
    assert [(v.name, v.p50_ms, v.threads, v.passes) for v in variants] == [
        ("a.onnx", 10.0, 1, True),
        ("b.onnx", 5.0, 1, False),
        ("c<.tflite", 12.0, 1, True),
    ]
    assert variants[0].auroc.low == 0.896


def test_what_is_written(measured: Path, tmp_path: Path) -> None:
    table, taken = write([measured], tmp_path / "out")
    assert taken is not None
    assert taken.name == "a.onnx"
    lines = table.splitlines()
    assert "| a.onnx | onnx | fp32 | .936 [.896–.971] | .820 [.760–.880] | 4 | 10 | 30 | picked |" in lines
    assert any(line.startswith("| b.onnx") and line.endswith("| fails its bar |") for line in lines)
    assert any(line.startswith("| c<.tflite") and "not measured" in line for line in lines)
    page = (tmp_path / "out" / "pareto.html").read_text(encoding="utf-8")
    assert "c&lt;.tflite" in page
    assert page.count("<svg") == 3
    assert (tmp_path / "out" / "pareto.md").read_text(encoding="utf-8") == table


def test_a_picture_holds_a_dot_a_judged_file(measured: Path) -> None:
    """10 of 10.8 ms is 296 of 320 px; from .8 to 1, .936 lies 80 of 250 px below the top."""
    drawn = ET.fromstring(picture(read([measured])[0], "p50_ms"))  # noqa: S314  our own drawing
    dots = {dot.attrib["class"]: dot.attrib for dot in drawn.iter("circle")}
    assert set(dots) == {"dot onnx", "dot refused"}
    assert (dots["dot onnx"]["cx"], dots["dot onnx"]["cy"]) == ("296.3", "80.0")


def test_times_of_two_machines_are_not_compared(measured: Path, tmp_path: Path) -> None:
    other = benchmark(tmp_path / "two.json", [], machine="another")
    with pytest.raises(DataError, match="times of several machines cannot be compared"):
        read([measured, other])


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(DataError, match="not a benchmark that can be read"):
        read([tmp_path / "bad.json"])
    lone = benchmark(tmp_path / "lone.json", [(str(tmp_path / "x.onnx"), 1, 1.0)])
    with pytest.raises(DataError, match=r"no readable x\.onnx\.json beside it"):
        read([lone])


def test_the_verb_says_what_is_picked(measured: Path, tmp_path: Path) -> None:
    verb = {one.name: one for one in VERBS}["pareto"]
    done = CliRunner().invoke(verb, [str(measured), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert "picked: a.onnx" in done.output
