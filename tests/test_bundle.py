"""A bundle that is damaged in any way is refused in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tiny
from mpoxlens import bundle as bundles
from mpoxlens.bundle import Bundle
from mpoxlens.errors import BundleError

AGAIN = "download or build the bundle again"
ALTERED = "its sha256 is not the one in bundle.json, so it was altered or damaged"


@pytest.fixture
def copy(tiny_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_path, tmp_path / "copy"))


def rewrite(folder: Path, **entries: object) -> None:
    """Alter entries of bundle.json, and its hashes to what the files are."""
    data = json.loads((folder / "bundle.json").read_text())
    data["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in bundles.FILES}
    data |= entries
    (folder / "bundle.json").write_text(json.dumps(data | {"sha256": bundles.digest(data)}))


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_network_by_hand(tiny_path: Path) -> None:
    """On one colour the features are that colour, so logits are head x (r, g, b, 1); the maps average to the logits."""
    loaded = Bundle.load(tiny_path)
    pixels = np.full((64, 64, 3), (204, 102, 51), np.uint8)  # standardised: 1.2, -0.4, -1.2
    out = loaded.run(loaded.spec.preprocess(pixels)[None])
    assert out.embedding[0].tolist() == pytest.approx([1.2, -0.4, -1.2, 1.0], abs=1e-5)
    assert out.logits[0].tolist() == pytest.approx([4.5, -0.4, 1.2, -5.2], abs=1e-4)
    assert np.allclose(out.cam.mean(axis=(2, 3)), out.logits, atol=1e-4)


def test_specification_goes_there_and_back(tiny_path: Path) -> None:
    assert Bundle.load(tiny_path).spec.to_dict() == tiny.spec().to_dict()


@pytest.mark.parametrize("name", bundles.FILES)
def test_altered_file(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(bytes(data))
    assert refusal(copy) == f"{copy / name}: {ALTERED}; {AGAIN}"


@pytest.mark.parametrize("name", [*bundles.FILES, "bundle.json"])
def test_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert refusal(copy) == f"{copy / name}: no such file; {AGAIN}"


@pytest.mark.parametrize(
    ("entry", "value"), [("operating_point", 0.99), ("conformal", {"alpha": 0.1, "mpox_from": 0.9, "other_to": 0.9})]
)
def test_altered_numbers_of_the_decision(copy: Path, entry: str, value: object) -> None:
    data = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(data | {entry: value}))
    why = "its sha256 is not that of its content, so it was altered or damaged"
    assert refusal(copy) == f"{copy / 'bundle.json'}: {why}; {AGAIN}"


def test_golden_vectors_reach_to_the_probability(copy: Path) -> None:
    calibration = json.loads((copy / "bundle.json").read_text())["calibration"]
    rewrite(copy, calibration=calibration | {"temperature": 9.5})
    assert "golden vectors differ on this machine (probability by " in refusal(copy)


def test_a_network_that_gives_no_numbers_differs_from_its_golden_vectors(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Bundle.run

    def broken(self: Bundle, batch: np.ndarray) -> bundles.Outputs:
        out = real(self, batch)
        return bundles.Outputs(out.logits * np.nan, out.cam, out.embedding)

    monkeypatch.setattr(Bundle, "run", broken)
    assert "golden vectors differ on this machine (logits by nan" in refusal(copy)


def test_unknown_format(copy: Path) -> None:
    rewrite(copy, format=99)
    assert refusal(copy) == (
        f"{copy / 'bundle.json'}: format 99 is unknown to this version, which reads format 1; "
        "upgrade with: pip install --upgrade mpoxlens"
    )


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({"labels": ["a"]}, "its labels or its operating point are impossible"),
        ({"operating_point": 1.5}, "its labels or its operating point are impossible"),
        ({"conformal": {}}, "damaged (KeyError: 'alpha')"),
        ({"calibration": None}, "damaged (TypeError: 'NoneType' object is not subscriptable)"),
    ],
)
def test_impossible_specification(copy: Path, entries: dict[str, object], why: str) -> None:
    rewrite(copy, **entries)
    assert refusal(copy) == f"{copy / 'bundle.json'}: {why}; {AGAIN}"


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_bundle_json_that_is_no_object(copy: Path, text: str) -> None:
    (copy / "bundle.json").write_text(text)
    assert refusal(copy).startswith(f"{copy / 'bundle.json'}: damaged (")


def test_a_model_that_is_none(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"not a model")
    rewrite(copy)
    assert refusal(copy).startswith(f"{copy / 'model.onnx'}: onnxruntime cannot load it (")


def test_another_network_fails_the_golden_vectors(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(tiny.model(tiny.HEAD * 1.5))
    rewrite(copy)
    message = refusal(copy)
    assert message.startswith(f"{copy}: golden vectors differ on this machine (logits by ")
    assert message.endswith("; upgrade onnxruntime and pillow, or report it")


def test_another_preprocessing_fails_the_golden_vectors(copy: Path) -> None:
    rewrite(copy, preprocess={"size": 64, "mean": [0.4, 0.5, 0.5], "std": [0.25, 0.25, 0.25]})
    assert "golden vectors differ on this machine (input by " in refusal(copy)


CHECKED = bundles.MapCheck(bundles.Alike(0.1, 0.0, 0.3), bundles.Alike(0.2, 0.1, 0.4), 0.5, 40, "drawn phantoms")


def test_the_check_of_the_map_goes_there_and_back_and_is_optional(copy: Path) -> None:
    assert Bundle.load(copy).spec.map is None
    assert "map" not in Bundle.load(copy).spec.to_dict()
    rewrite(copy, map=CHECKED.to_dict())
    assert Bundle.load(copy).spec.map == CHECKED
    assert CHECKED.passed
    failed = {**CHECKED.to_dict(), "passed": False}
    failed["sanity"] = {**failed["sanity"], "limit": 0.4}  # the upper bound lies on it, not below
    rewrite(copy, map=failed)
    loaded = Bundle.load(copy).spec.map
    assert loaded is not None
    assert not loaded.passed


@pytest.mark.parametrize(
    "change",
    [
        {"passed": False},
        {"passed": 1},
        {"method": "lime"},
        {"sanity": {**CHECKED.to_dict()["sanity"], "limit": 1.5}},
        {"sanity": {**CHECKED.to_dict()["sanity"], "inputs": 0}},
        {"sanity": {**CHECKED.to_dict()["sanity"], "alike": {"signed": {"value": 0.1, "low": 0.2, "high": 0.3}}}},
        {"sanity": {}},
        {"sanity": None},
    ],
)
def test_an_impossible_check_of_the_map(copy: Path, change: dict[str, object]) -> None:
    rewrite(copy, map={**CHECKED.to_dict(), **change})
    assert "bundle.json: damaged (" in refusal(copy)
