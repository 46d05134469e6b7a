"""Base weights: every tensor has its place, and what lacks is told before anything is built on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_vlm import asked, made

from mpoxlens import weights
from mpoxlens.errors import MpoxlensError, WeightsError
from mpoxlens.vlm.base import _bytes_tokenizer, build, from_folders
from mpoxlens.vlm.config import mini, tiny
from mpoxlens.vlm.generate import generate
from mpoxlens.vlm.gguf_file import _halves, read_gguf
from mpoxlens.vlm.parts import describe
from mpoxlens.vlm.prompts import answer_ids

PARTS = ("clip-vit-b16", "dinov2-s-saliency", "smollm2-135m")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    model, _ = made()
    parts = {"photo": model.photo_encoder, "skin": model.skin_encoder, "text": model.language}
    for role, part in parts.items():
        part.save_pretrained(tmp_path / role)
    _bytes_tokenizer().save_pretrained(tmp_path / "text")
    return {role: tmp_path / role for role in parts}


def test_a_model_of_folders_is_that_of_its_parts(folders: dict[str, Path]) -> None:
    model, tokenizer = made()
    again, read = from_folders(tiny(), folders)
    wanted, found = model.state_dict(), again.state_dict()
    base = [k for k in wanted if "projector" not in k]
    assert all(torch.equal(wanted[k], found[k]) for k in base)
    assert answer_ids(read) == answer_ids(tokenizer)
    assert set(again.config.base_weights or {}) == {"photo", "skin", "text"}
    assert not any(p.is_meta for p in again.parameters())
    assert not any(b.is_meta for b in again.buffers())
    assert generate(again, read, asked(again, read, "Is it?"), most=3) is not None


def test_other_weights_make_another_base(folders: dict[str, Path]) -> None:
    one = from_folders(tiny(), folders)[0].config.base_weights
    made(seed=8)[0].language.save_pretrained(folders["text"])
    other = from_folders(tiny(), folders)[0].config.base_weights
    assert one is not None
    assert other is not None
    assert {k for k in one if one[k] != other[k]} == {"text"}


def test_a_folder_of_another_network_is_refused(folders: dict[str, Path]) -> None:
    made()[0].photo_encoder.save_pretrained(folders["skin"])
    with pytest.raises(WeightsError, match=r"skin: "):
        from_folders(tiny(), folders)


def test_a_folder_of_another_size_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(WeightsError, match="its weights belong to a network of another size"):
        from_folders(tiny(400), folders)


def test_half_a_download_is_told_in_one_line(folders: dict[str, Path]) -> None:
    path = folders["text"] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="it cannot be read as what is wanted; copy the whole folder again"):
        from_folders(tiny(), folders)
    path.unlink()
    with pytest.raises(WeightsError, match="text: "):
        from_folders(tiny(), folders)


def test_missing_base_weights_are_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("MPOXLENS_WEIGHTS", raising=False)
    with pytest.raises(WeightsError, match=r"put SmolLM2-135M-Instruct\.Q4_1\.gguf into a folder"):
        build("mini")
    assert [(part.name, part.here) for part in describe("mini")] == [(name, False) for name in PARTS]


def test_a_damaged_gguf_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + b"\x03\x00\x00\x00" + b"\xff" * 64)
    with pytest.raises(WeightsError, match=r"m\.gguf: damaged"):
        read_gguf(tmp_path / "m.gguf", mini().text_config)  # type: ignore[arg-type]


def test_what_would_be_downloaded_is_known_before() -> None:
    assert sum(part.bytes for part in describe("mini")) == 261_543_383
    assert sum(part.bytes for part in describe("7b")) > 15e9
    assert describe("tiny") == []
    with pytest.raises(MpoxlensError, match="size '70b': unknown; use one of: tiny, mini, 7b"):
        describe("70b")


def test_rotary_pairs_become_halves() -> None:
    pairs = torch.arange(8.0).reshape(8, 1).numpy()  # two heads of four rows: (0, 1), (2, 3) turn together
    assert _halves(pairs, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.fixture(scope="module")
def whole() -> tuple[Any, Any]:
    for name in PARTS:
        if weights.local(weights.SOURCES[name].file) is None:
            pytest.skip(f"the base weights {name} were not fetched yet on this machine")
    return build("mini")


@pytest.mark.slow
def test_the_shipped_size_has_every_base_weight(whole: tuple[Any, Any]) -> None:
    model, tokenizer = whole
    assert not any(p.is_meta for p in model.parameters())
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert sum(p.numel() for p in model.language.parameters()) == 134_515_008  # as published
    assert tokenizer.convert_ids_to_tokens(list(answer_ids(tokenizer))) == ["Yes", "No"]
    assert tokenizer.tokenize("fever 38.5") == ["f", "ever", "Ġ", "3", "8", ".", "5"]  # each digit by itself


@pytest.mark.slow
def test_the_language_model_still_speaks(whole: tuple[Any, Any]) -> None:
    model, tokenizer = whole
    messages = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        said = model.language.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=2)
    assert "Paris" in tokenizer.decode(said[0, ids.shape[1] :])
