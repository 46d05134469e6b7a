"""The same network in four precisions and three runtimes: each file in its real runtime against torch."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx as onnx_format
import pytest
import torch

from mpoxlens.errors import BundleError, DataError
from mpoxlens.optimise import precision
from mpoxlens.optimise.runtimes import load
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.recipe import ModelRecipe

SIZE = 64
ABOUT = {"labels": ["mpox", "chickenpox", "measles", "healthy"], "precision": "?"}
WORST = {"fp32": 1e-4, "fp16": 2e-2, "dynamic-int8": 0.2, "static-int8": 0.2}  # of the largest logit


def needed(module: str) -> pytest.MarkDecorator:
    found = find_spec(module) is not None
    return pytest.mark.skipif(not found, reason=f"the extra with {module} is not installed")


@pytest.fixture(scope="module")
def model() -> Classifier:
    torch.manual_seed(3)
    return create(ModelRecipe(backbone="test_efficientnet", weights="none", size=SIZE), 4).eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 3, SIZE, SIZE)).astype(np.float32)


def agrees(model: Classifier, content: bytes, path: Path, batch: np.ndarray, kind: str) -> None:
    """The logits are near those of torch, and the mean of each map is its logit."""
    path.write_bytes(content)
    loaded = load(path)
    out = loaded.run(batch)
    with torch.no_grad():
        logits, cam, embedding = (tensor.numpy() for tensor in model(torch.from_numpy(batch)))
    assert loaded.size == SIZE
    assert (out.cam.shape, out.embedding.shape) == (cam.shape, embedding.shape)
    assert np.abs(out.logits - logits).max() < WORST[kind] * np.abs(logits).max()
    np.testing.assert_allclose(out.cam.mean(axis=(2, 3)), out.logits, atol=2e-3)


@pytest.mark.parametrize("kind", WORST)
def test_onnx(model: Classifier, batch: np.ndarray, tmp_path: Path, kind: str) -> None:
    content = precision.write(model, SIZE, kind, batch, ABOUT)
    agrees(model, content, tmp_path / "model.onnx", batch, kind)
    (entry,) = onnx_format.load_from_string(content).metadata_props
    assert (entry.key, json.loads(entry.value)) == ("mpoxlens", ABOUT)


def test_half_precision_takes_half_the_bytes(model: Classifier, batch: np.ndarray) -> None:
    full, half = (len(precision.write(model, SIZE, kind, batch, ABOUT)) for kind in ("fp32", "fp16"))
    assert 0.45 * full < half < 0.6 * full


@needed("litert_torch")
@pytest.mark.parametrize("kind", WORST)
def test_litert(model: Classifier, batch: np.ndarray, tmp_path: Path, kind: str) -> None:
    from mpoxlens.optimise import litert

    content = litert.write(model, SIZE, kind, batch, ABOUT)
    agrees(model, content, tmp_path / "model.tflite", batch, kind)
    with zipfile.ZipFile(tmp_path / "model.tflite") as archive:  # what a developer unzips
        assert json.loads(archive.read("mpoxlens.json")) == ABOUT
        assert archive.read("labels.txt").decode().split() == ABOUT["labels"]


@needed("executorch")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own imports
@pytest.mark.parametrize("kind", ["fp32", "static-int8"])
def test_executorch(model: Classifier, batch: np.ndarray, tmp_path: Path, kind: str) -> None:
    from mpoxlens.optimise import executorch

    agrees(model, executorch.write(model, SIZE, kind, batch, ABOUT), tmp_path / "model.pte", batch, kind)


@needed("executorch")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own imports
def test_executorch_names_the_precisions_that_it_has(model: Classifier, batch: np.ndarray) -> None:
    from mpoxlens.optimise import executorch

    with pytest.raises(DataError, match="take fp32 or static-int8"):
        executorch.write(model, SIZE, "fp16", batch, ABOUT)


def test_static_ranges_need_photographs(model: Classifier) -> None:
    with pytest.raises(DataError, match="--precision static-int8: ranges are taken from photographs"):
        precision.write(model, SIZE, "static-int8", None, ABOUT)


class Spectrum(torch.nn.Module):
    """An operator that ONNX does not have at our version of it."""

    def forward(self, photo: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cam = torch.fft.fft2(photo).abs()
        return cam.mean(dim=(2, 3)), cam, cam.mean(dim=(2, 3))


def test_an_operator_that_the_format_lacks_is_one_line() -> None:
    with pytest.raises(BundleError, match=r"--to onnx --precision fp32: the converter refuses .*fft") as caught:
        precision.write(Spectrum().eval(), SIZE, "fp32", None, ABOUT)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_graph_without_maps_is_one_line(tmp_path: Path) -> None:
    helper, kind = onnx_format.helper, onnx_format.TensorProto.FLOAT
    node = helper.make_node("ReduceMean", ["photo"], ["logits"], axes=[2, 3], keepdims=0)
    photo, logits = (
        helper.make_tensor_value_info("photo", kind, [1, 3, 8, 8]),
        helper.make_tensor_value_info("logits", kind, [1, 3]),
    )
    graph = helper.make_graph([node], "plain", [photo], [logits])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "plain.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.raises(BundleError, match=r"its graph does not give cam, embedding; write it again"):
        load(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.bin", b"", "a file of a runtime ends in .onnx, .tflite, .pte"),
        ("model.onnx", None, "no such file"),
        ("model.onnx", b"no graph", "the runtime cannot load it"),
    ],
)
def test_files_that_no_runtime_loads(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((BundleError, DataError), match=says):
        load(path)
