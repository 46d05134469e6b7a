"""The fast files: what torch says, ONNX Runtime says too, with its cache and without; a damaged file is refused."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_assistant import photograph, save
from tiny_vlm import made
from transformers import ViTConfig

from mpoxlens.errors import MpoxlensError, WeightsError
from mpoxlens.photo import read_photo
from mpoxlens.vlm.about import read_about
from mpoxlens.vlm.base import _bytes_tokenizer
from mpoxlens.vlm.config import tiny
from mpoxlens.vlm.fast import export as exporting
from mpoxlens.vlm.fast.export import write_files
from mpoxlens.vlm.fast.files import ABOUT, LANGUAGE
from mpoxlens.vlm.fast.graph import rounded
from mpoxlens.vlm.fast.reader import FastReader, _chosen
from mpoxlens.vlm.fast.store import _fits, fast_files, kept_in
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import conversation, follow, prompt_ids, with_place_holders
from mpoxlens.vlm.torch_reader import TorchReader
from mpoxlens.weights import SOURCES

QUESTIONS = ("Could this be mpox?", "What kind of spots are these, and where do they lie?")


@dataclass(frozen=True, eq=False)
class Both:
    """One model by torch and by ONNX Runtime."""

    slow: TorchReader
    fast: FastReader
    photo: Any

    def ids(self, question: str, history: str = "") -> list[int]:
        return prompt_ids(conversation(question, history), self.slow.tokenizer, self.slow.config)


def lively(model: MpoxVlm) -> MpoxVlm:
    """Make a random model write more than one token again and again."""
    with torch.no_grad():
        for parameter in (*model.language.model.layers.parameters(), *model.photo_encoder.parameters()):
            parameter.mul_(20 if parameter.ndim > 1 else 1)
    return model


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return read_photo(photograph(tmp_path_factory.mktemp("photos") / "rash.jpg"))


def both(model: MpoxVlm, tokenizer: Any, photo: Any, folder: Path, bits: int) -> Both:
    write_files(model, tokenizer, folder, bits)
    return Both(TorchReader(model, tokenizer), FastReader(folder, threads=1), photo)


@pytest.fixture(scope="module")
def exact(photo: Any, tmp_path_factory: pytest.TempPathFactory) -> Both:
    model, tokenizer = made()
    return both(lively(model), tokenizer, photo, tmp_path_factory.mktemp("exact") / "fast", 32)


def logits(one: Any, ids: list[int], photo: Any) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = one.first_logits(ids, one.see(photo))
    return found


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("history", ["", "The person is 31 years old. There is fever."])
def test_the_logits_are_those_of_torch(exact: Both, question: str, history: str) -> None:
    ids = exact.ids(question, history)
    wanted = logits(exact.slow, ids, exact.photo)
    assert np.ptp(wanted) > 0.5
    np.testing.assert_allclose(logits(exact.fast, ids, exact.photo), wanted, atol=1e-3)


def test_what_is_seen_is_what_torch_sees(exact: Both) -> None:
    wanted = exact.slow.see(exact.photo).embedding
    np.testing.assert_allclose(exact.fast.see(exact.photo).embedding, wanted, rtol=1e-5, atol=1e-3)


def test_every_kind_of_skin_expert(photo: Any, tmp_path: Path) -> None:
    config = tiny()
    size: dict[str, Any] = {"hidden_size": 12, "intermediate_size": 24, "num_hidden_layers": 2}
    config.skin_config = ViTConfig(num_attention_heads=2, image_size=28, patch_size=7, **size)
    config.class_tokens, config.skin_grid, config.photo_layer = True, 0, -2
    torch.manual_seed(3)
    model = MpoxVlm(config)
    model.train(False)
    pair = both(model, with_place_holders(_bytes_tokenizer(), config), photo, tmp_path / "fast", 32)
    ids = pair.ids(QUESTIONS[0])
    np.testing.assert_allclose(logits(pair.fast, ids, photo), logits(pair.slow, ids, photo), atol=1e-4)


def test_words_are_those_of_torch_token_for_token(exact: Both) -> None:
    ids = exact.ids(QUESTIONS[1])
    wanted = "".join(exact.slow.write(ids, exact.slow.see(exact.photo), 40))
    pieces = list(exact.fast.write(ids, exact.fast.see(exact.photo), 40))
    assert "".join(pieces).strip("\ufffd") == wanted.strip("\ufffd")
    assert len(set(wanted)) > 3
    assert len(pieces) > 3


def test_the_cache_changes_nothing(exact: Both) -> None:
    """One photograph is asked one thing after the other, and each as if nothing had been asked before."""
    seen = exact.fast.see(exact.photo)
    turns = conversation(QUESTIONS[0], "There is fever.")
    further = prompt_ids(follow(turns, "Yes, it could.", QUESTIONS[1]), exact.fast.tokenizer, exact.fast.config)
    first = exact.ids(QUESTIONS[0], "There is fever.")
    for ids in (exact.ids(QUESTIONS[0]), first, further, first, exact.ids(QUESTIONS[1])):
        fresh = exact.fast.see(exact.photo)
        np.testing.assert_allclose(exact.fast.first_logits(ids, seen), exact.fast.first_logits(ids, fresh), atol=1e-4)


def test_two_photographs_do_not_mix(exact: Both, tmp_path: Path) -> None:
    other = read_photo(photograph(tmp_path / "other.jpg", seed=8))
    ids = exact.ids(QUESTIONS[0])
    one, two = exact.fast.see(exact.photo), exact.fast.see(other)
    before = exact.fast.first_logits(ids, one)
    apart = exact.fast.first_logits(ids, two)
    assert np.abs(before - apart).max() > 1e-4
    np.testing.assert_allclose(exact.fast.first_logits(ids, one), before, atol=1e-6)


def test_eight_bits_are_close(photo: Any, tmp_path: Path) -> None:
    model, tokenizer = made()
    pair = both(lively(model), tokenizer, photo, tmp_path / "fast", 8)
    ids = pair.ids(QUESTIONS[0])
    wanted, found = logits(pair.slow, ids, photo), logits(pair.fast, ids, photo)
    assert 0 < np.abs(found - wanted).mean() < 0.05 * wanted.std()


def test_blocks_of_whole_numbers() -> None:
    weight = np.array([[1.27, -0.5, *([0.0] * 14), 254.0]], np.float32)  # a block, and one of a single weight
    whole, scale = rounded(weight)
    assert whole.shape == (1, 2, 16)
    np.testing.assert_allclose(scale, [[0.01, 2.0]], rtol=1e-6)
    assert whole[0, 0, :3].tolist() == [255, 78, 128]
    assert whole[0, 1, :2].tolist() == [255, 128]


def test_a_bare_block_stays_bare() -> None:
    whole, scale = rounded(np.zeros((1, 16), np.float32))
    assert (set(whole.ravel().tolist()), scale.tolist()) == ({128}, [[0.0]])


def test_sampling_follows_the_temperature() -> None:
    odds = np.log(np.array([0.1, 0.6, 0.3], np.float32))
    assert _chosen(odds, 0.0, np.random.default_rng(0)) == 1
    rng = np.random.default_rng(0)
    counts = np.bincount([_chosen(odds, 1.0, rng) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(counts, [0.1, 0.6, 0.3], atol=0.03)
    cold = [_chosen(odds, 0.05, rng) for _ in range(200)]
    assert cold.count(1) == 200


def test_an_answer_ends_at_the_end_token(exact: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = exact.ids(QUESTIONS[1])
    said = "".join(exact.fast.write(ids, exact.fast.see(exact.photo), 12))
    first = int(exact.fast.first_logits(ids, exact.fast.see(exact.photo)).argmax())
    assert said
    monkeypatch.setattr(exact.fast, "_end", first)
    assert list(exact.fast.write(ids, exact.fast.see(exact.photo), 12)) == []


@pytest.mark.parametrize("name", [f"{LANGUAGE}.data", "photo.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, name: str, damage: str) -> None:
    write_files(*made(), tmp_path / "fast")
    path = tmp_path / "fast" / name
    if damage == "missing":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(WeightsError, match=rf"{name}: it is missing, or its sha256 .* remove the folder .*fast, and"):
        FastReader(tmp_path / "fast")


def test_a_damaged_table_of_contents_is_refused(tmp_path: Path) -> None:
    write_files(*made(), tmp_path / "fast")
    (tmp_path / "fast" / ABOUT).write_text('{"format": 1}')
    with pytest.raises(WeightsError, match=r"fast\.json: it is missing"):
        FastReader(tmp_path / "fast")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exporting, "write_language", full)
    with pytest.raises(MpoxlensError, match="the disk is full, nothing was written"):
        write_files(*made(), tmp_path / "fast")
    assert list(tmp_path.iterdir()) == []


def test_who_comes_second_takes_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        write_files(*made(), tmp_path / "fast")
    assert [path.name for path in tmp_path.iterdir()] == ["fast"]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "mpoxlens" / "fast"


def test_an_adapter_is_made_ready_once(cached: Path, tmp_path: Path) -> None:
    folder, lines = save(tmp_path / "adapter"), list[str]()
    about = read_about(folder)
    made_in = [fast_files(folder, about, None, lines.append, offline=True) for _ in range(2)]
    assert made_in == [kept_in(about)] * 2
    assert [path.parent for path in made_in] == [cached] * 2
    assert len(lines) == 2  # that it is made, and that it is ready
    assert kept_in(about | {"sha256": "0" * 64}) != kept_in(about)


def test_a_named_skin_expert_must_be_the_adapters(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"own")
    about = {"base": {"skin": hashlib.sha256(b"own").hexdigest()}}
    known = {"base": {"skin": SOURCES["dinov2-s-saliency"].sha256}}
    assert _fits(None, about)
    assert _fits(str(own), about)
    assert not _fits(str(own), known)
    assert not _fits(str(tmp_path / "none"), about)
    assert _fits("dinov2-s-saliency", known)


@pytest.mark.slow
def test_a_process_of_its_own_makes_them_and_tells_what_is_wrong(cached: Path, tmp_path: Path) -> None:
    """As `ask` does it where torch is not loaded; the process that answers never loads it."""
    photo, folder = photograph(tmp_path / "rash.jpg"), save(tmp_path / "adapter")
    script = (
        "import sys; from pathlib import Path; from mpoxlens.vlm.asking import Assistant\n"
        "found = Assistant.load(Path(sys.argv[1])).ask(sys.argv[2])\n"
        "print(found.decision, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(folder), str(photo)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "False"
    assert len(list(cached.iterdir())) == 1
    for path in cached.iterdir():
        path.rename(tmp_path / path.name)
    (folder / "adapter.safetensors").write_bytes(b"damaged")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "CheckpointError" in done.stderr
    assert "its sha256 is not the expected one" in done.stderr
    assert list(cached.iterdir()) == []
