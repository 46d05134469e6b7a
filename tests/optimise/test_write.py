"""From a run's folder to a file for a runtime, and what is refused on the way."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx as onnx_format
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from tests import tiny

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import BundleError, DataError, MissingExtraError, TrainingError
from mpoxlens.optimise import onnx, parity, precision, write
from mpoxlens.optimise.optimise_command import optimise
from mpoxlens.optimise.parity import Checked
from mpoxlens.optimise.qat_settings import Settings
from mpoxlens.optimise.runtimes import load
from mpoxlens.optimise.source import MIN_CALIBRATION, Photographs, Source, calibration_inputs, learned_from, open_source
from mpoxlens.schema import ImageRecord
from mpoxlens.vision.checkpoint import keep

RECIPE = """
[model]
backbone = "test_efficientnet"
weights = "none"
frozen_blocks = 0
size = 64
"""


def photographs(count: int) -> Photographs:
    pixels = [draw(i, size=72, count=12 * (i % 2)).pixels for i in range(count)]
    labels = ("healthy", "mpox")
    records = [ImageRecord(f"{i:064}", f"{i}.png", labels[i % 2], "drawn", None, 72, 72, f"c{i}") for i in range(count)]
    return Photographs(pixels, tuple(records))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as training leaves it; its bundle is the tiny one, whose four labels the network has too."""
    from mpoxlens.vision.backbones import create
    from mpoxlens.vision.recipe import load as load_recipe

    folder = tmp_path_factory.mktemp("run")
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "final").mkdir()
    torch.manual_seed(5)
    keep(create(load_recipe(folder / "recipe.toml").model, 4), folder / "final")
    tiny.build(folder / "bundle", training={"photographs": {"sha256": [f"{i:064}" for i in range(40)]}})
    return folder


@pytest.fixture(scope="module")
def source(run: Path) -> Source:
    return open_source(run)


@pytest.fixture(scope="module")
def checked(source: Source) -> Checked:
    return write.checked_on(source, photographs(4))


def test_the_network_of_a_run_is_read_from_its_folder_or_its_bundle(run: Path, source: Source) -> None:
    again = open_source(run / "bundle")
    for name, weight in source.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], weight)
    assert source.golden().shape == (2, 3, 64, 64)
    assert not source.model.training


def test_what_agrees_is_written_with_its_description(source: Source, checked: Checked, tmp_path: Path) -> None:
    done = write.write_variant(source, precision.write, "onnx", "fp32", None, checked, tmp_path)
    about = json.loads(done.about.read_text())
    assert done.file.name == "tiny-fp32.onnx"
    assert about["sha256"] == hashlib.sha256(done.file.read_bytes()).hexdigest()
    assert about["bundle_sha256"] == source.bundle.sha256
    assert about["labels"] == list(tiny.LABELS)
    assert about["input"]["mean"] == [0.5, 0.5, 0.5]
    assert about["parity"]["photos"] == 4
    assert about["parity"]["max_difference"] < 1e-4
    expected = parity.float_outputs(source.model, checked.inputs).logits
    np.testing.assert_allclose(load(done.file).run(checked.inputs).logits, expected, atol=1e-4)


def test_what_differs_is_not_written(source: Source, checked: Checked, tmp_path: Path) -> None:
    def another(*_given: object) -> bytes:
        """Write the same network with a head that believes in mpox."""
        import copy

        other = copy.deepcopy(source.model)
        with torch.no_grad():
            other.head.bias += torch.tensor([4.0, -4.0, -4.0, -4.0])
        return onnx.export(other, 64)

    with pytest.raises(TrainingError, match=r"tiny-static-int8\.onnx in static-int8: P\(mpox\) differs by 0\.\d+ in"):
        write.write_variant(source, another, "onnx", "static-int8", None, checked, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_was_readied_for_int8_is_written_as_static_int8_is(
    source: Source, checked: Checked, tmp_path: Path
) -> None:
    """And compared with the network that it began as; the description tells how it came to be."""
    learned = learned_from(source.spec, photographs(40), Path("work"))
    ranges = calibration_inputs(source.spec, learned)
    tuned = write.tuned_for(source, learned, ranges, Settings(epochs=1, batch=20), tmp_path)
    done = write.write_variant(source, precision.write, "onnx", "qat-int8", ranges, checked, tmp_path, tuned)
    about = json.loads(done.about.read_text())
    assert done.file.name == "tiny-qat-int8.onnx"
    assert (about["precision"], about["tuned"]["epochs"], about["tuned"]["photographs"]) == ("qat-int8", 1, 40)
    assert about["parity"]["max_difference"] == pytest.approx(done.found.max_difference, abs=1e-5)
    names = {initializer.data_type for initializer in onnx_format.load(str(done.file)).graph.initializer}
    assert onnx_format.TensorProto.INT8 in names
    assert (tmp_path / "tiny-qat" / "checkpoint.pt").is_file()


def test_ranges_come_from_the_training_side_alone(source: Source) -> None:
    """Of 60 photographs the bundle learned from 40; a photograph that it has not seen changes nothing."""
    learned = learned_from(source.spec, photographs(60), Path("work"))
    assert {record.sha256 for record in learned.records} == {f"{i:064}" for i in range(40)}
    assert calibration_inputs(source.spec, learned).shape == (40, 3, 64, 64)
    few = photographs(60)
    late = Photographs(few.pixels[20:], few.records[20:])  # 20 of the 40
    with pytest.raises(DataError, match=rf"work: 20 of its photographs were learned from, .* need {MIN_CALIBRATION}"):
        learned_from(source.spec, late, Path("work"))


def test_a_bundle_without_its_run_is_refused(tmp_path: Path) -> None:
    alone = tiny.build(tmp_path / "downloaded")
    with pytest.raises(BundleError, match=r"int8 graph alone.*name the folder that was --out of mpoxlens train"):
        open_source(alone)


def test_weights_of_another_network_are_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    keep(torch.nn.Linear(2, 2), tmp_path / "final")
    (tmp_path / "recipe.toml").write_bytes((run / "recipe.toml").read_bytes())
    with pytest.raises(BundleError, match="not the weights of test_efficientnet"):
        open_source(tmp_path)


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "litert_torch", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "mpoxlens.optimise.litert", raising=False)
    with pytest.raises(
        MissingExtraError, match=r"--to litert: .*litert_torch; install it with: pip install 'mpoxlens\["
    ):
        write.writer_of("litert")


def test_the_verb_writes_from_a_workspace(run: Path, tmp_path: Path) -> None:
    from mpoxlens.datasets.steps import apply, duplicates, ingest
    from mpoxlens.datasets.workspace import Workspace

    for i in range(6):
        folder = tmp_path / "photos" / ("mpox" if i % 2 else "healthy")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(i, size=96, count=12 * (i % 2)).pixels).save(folder / f"{i}.png")
    work = Workspace(tmp_path / "work")
    ingest(work, [tmp_path / "photos"])
    duplicates(work)
    apply(work)
    given = [
        str(run),
        "--to",
        "onnx",
        "--precision",
        "fp32",
        "--data",
        str(work.path),
        "--out",
        str(tmp_path / "phone"),
    ]
    done = CliRunner().invoke(optimise, given)
    assert isinstance(done.exception, DataError)  # the verbs' group makes it one line
    assert "0 of its photographs were learned from" in str(done.exception)
