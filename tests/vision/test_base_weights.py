"""Weights out of other people's files: equal to what the file's own runtime computes, and nothing of it is run.

The files are those of the package index; where they were not fetched yet, these tests are skipped with the reason.
"""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tensorboard.compat.proto.graph_pb2 import GraphDef

from mpoxlens import weights
from mpoxlens.errors import WeightsError
from mpoxlens.vision.backbones import FAMILIES, create
from mpoxlens.vision.base_weights import read_state
from mpoxlens.vision.base_weights.keras_arrays import CAFFE_MEAN, MEAN, STD
from mpoxlens.vision.base_weights.onnx_file import read_onnx

PHOTO = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)


def _file(name: str) -> Path:
    found = weights.local(weights.SOURCES[name].file)
    if found is None:
        pytest.skip(f"the base weights {name} were not fetched yet on this machine")
    return found


def _run(model: onnx.ModelProto, output: str, photo: np.ndarray) -> np.ndarray:
    model.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(session.run([output], {session.get_inputs()[0].name: photo})[0])


def _embedding(name: str) -> torch.Tensor:
    model = create(FAMILIES[name], 2).eval()
    with torch.no_grad():
        return model(torch.from_numpy(PHOTO))[2]


@pytest.mark.slow
def test_dinov2_equals_its_onnx_file() -> None:
    model = onnx.load(_file("dinov2-s-saliency"))
    last = next(n for n in model.graph.node if n.op_type == "Add" and "backbone.layernorm.bias" in n.input)
    theirs = _run(model, last.output[0], PHOTO)[:, 0]
    np.testing.assert_allclose(_embedding("dinov2-s").numpy(), theirs, atol=2e-4)  # values up to 10


@pytest.mark.slow
def test_clip_equals_its_int8_file_as_far_as_int8_allows() -> None:
    theirs = torch.from_numpy(_run(onnx.load(_file("clip-vit-b16")), "image_embeds", PHOTO))
    cosine = torch.nn.functional.cosine_similarity(_embedding("clip-vit-b16"), theirs)
    assert cosine.item() > 0.95  # the file also rounds what flows between the layers


def _up_to(path: Path, last: str) -> bytes:
    """The part of a frozen graph that leads to one node."""
    graph = GraphDef()
    graph.ParseFromString(path.read_bytes())
    nodes, wanted, found = {node.name: node for node in graph.node}, [last], set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted += [i.lstrip("^").split(":")[0] for i in nodes[name].input if i not in found]
    return bytes(GraphDef(node=[node for node in graph.node if node.name in found]).SerializeToString())


@pytest.mark.slow
def test_mobilenet_equals_what_opencv_makes_of_the_graph() -> None:
    import cv2

    features = _up_to(_file("mobilenet-v1"), "MobilenetV1/MobilenetV1/Conv2d_13_pointwise/Relu6")
    net = cv2.dnn.readNetFromTensorflow(np.frombuffer(features, np.uint8))
    net.setInput(PHOTO)
    theirs = net.forward().mean(axis=(2, 3))
    np.testing.assert_allclose(_embedding("mobilenet-v1").numpy(), theirs, atol=2e-4)


def test_squeezenet_sees_what_caffe_showed_it() -> None:
    path = _file("squeezenet-1.1")
    state = read_state(path)
    with path.open("rb") as file:
        kernel, bias = pickle.load(file)["conv1"]  # noqa: S301  checked by sha256 when it was fetched
    rgb = np.random.default_rng(1).random((3, 3, 3))  # one window [h, w, c] of a photograph in 0..1
    theirs = np.einsum("hwi,hwio->o", ((rgb - CAFFE_MEAN) * 255)[..., ::-1], kernel) + bias
    ours = np.einsum("hwi,oihw->o", (rgb - MEAN) / STD, state["features.0.weight"].numpy())
    np.testing.assert_allclose(ours + state["features.0.bias"].numpy(), theirs, atol=1e-3)  # values up to 300


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if f.weights != "hub"])
def test_every_family_with_a_wheel_loads_with_every_tensor(name: str) -> None:
    _file(FAMILIES[name].weights)
    told = create(FAMILIES[name], 2).backbone.state_dict()
    torch.manual_seed(9)
    other = create(replace(FAMILIES[name], weights="none"), 2).backbone.state_dict()
    assert told.keys() == other.keys()
    moved = [k for k in told if told[k].ndim > 1 and torch.equal(told[k], other[k])]
    assert moved == []  # no matrix was left as it was drawn


def _int8_layer() -> onnx.ModelProto:
    """One matrix [2, 3] in int8, a scale a column, then its bias; as the exporter of CLIP writes it."""
    tables = {
        "m_quantized": np.array([[1, 2, 3], [4, 5, -6]], np.int8),
        "m_scale": np.array([0.5, 2.0, 1.0], np.float32),
        "m_zero_point": np.array([1, 0, 0], np.int8),
        "vision_model.fc.bias": np.array([7.0, 8.0, 9.0], np.float32),
    }
    nodes = [
        helper.make_node("MatMulInteger", ["x", "m_quantized"], ["p"]),
        helper.make_node("Cast", ["p"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["c", "m_scale"], ["s"]),
        helper.make_node("Add", ["vision_model.fc.bias", "s"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    held = [numpy_helper.from_array(value, name) for name, value in tables.items()]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], held))


def test_an_int8_matrix_by_hand(tmp_path: Path) -> None:
    onnx.save(_int8_layer(), tmp_path / "m.onnx")
    state = read_onnx(tmp_path / "m.onnx")
    assert state["vision_model.fc.weight"].tolist() == [[0.0, 1.5], [4.0, 10.0], [3.0, -6.0]]
    assert state["vision_model.fc.bias"].tolist() == [7.0, 8.0, 9.0]


def test_a_tensor_without_a_place_is_told(tmp_path: Path) -> None:
    model = _int8_layer()
    model.graph.initializer.append(numpy_helper.from_array(np.ones(4, np.float32), "stranger"))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(WeightsError, match="the tensor 'stranger' of it is not understood"):
        read_onnx(tmp_path / "m.onnx")


class _Harm:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("harmed"),)  # type: ignore[return-value]


def test_a_pickle_that_would_act_is_refused_before_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({"conv1": [_Harm(), _Harm()]}))
    with pytest.raises(WeightsError, match=r"w\.pkl: damaged, or more than arrays"):
        read_state(tmp_path / "w.pkl")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("suffix", [".onnx", ".pb", ".pkl", ".pth", ".safetensors"])
def test_a_damaged_file_is_told_in_one_line(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"w{suffix}").write_bytes(b"\x93 not weights at all" * 9)
    with pytest.raises(WeightsError, match=r"w\.\w+: (damaged|no dictionary)"):
        read_state(tmp_path / f"w{suffix}")


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file of tensors; use one that ends in"):
        read_state(tmp_path / "w.h5")
    with pytest.raises(WeightsError, match="no such file"):
        read_state(tmp_path / "w.pth")
