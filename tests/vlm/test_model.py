"""The model: where visual tokens go, what the encoders hand over, and that nothing is lost on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from tiny_vlm import asked, made, pixels

from mpoxlens.cli_vlm import vlm
from mpoxlens.errors import DataError, WeightsError
from mpoxlens.vlm.adapter import Adapter
from mpoxlens.vlm.base import read_model
from mpoxlens.vlm.memory import counts, plan, table
from mpoxlens.vlm.model import pooled

Pair = tuple[Any, Any]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return made()


def test_visual_tokens_stand_where_the_place_holders_are(pair: Pair) -> None:
    model, _ = pair
    p, s = model.config.photo_token_id, model.config.skin_token_id
    photo, skin = torch.randn(1, 4, 16), torch.randn(1, 4, 12)
    orders = ([p, p, p, p, s, s, s, s, 5], [5, s, s, p, p, s, s, p, p])
    with torch.no_grad():
        one, other = (model.embed(torch.tensor([order]), photo, skin)[0] for order in orders)
        seen, word = model.photo_projector(photo)[0], model.get_input_embeddings()(torch.tensor(5))
    torch.testing.assert_close(one[:4], seen)
    torch.testing.assert_close(other[[3, 4, 7, 8]], seen)
    torch.testing.assert_close(other[[1, 2, 5, 6]], one[4:8])
    torch.testing.assert_close(one[8], word)
    torch.testing.assert_close(other[0], word)


@pytest.mark.parametrize("ids", [[300] * 3 + [301] * 4, [300] * 5 + [301] * 4, [5] * 8])
def test_a_wrong_count_of_place_holders_is_told(pair: Pair, ids: list[int]) -> None:
    count = ids.count(300)
    with pytest.raises(DataError, match=f"the photo part: the text has {count} place holders for 4 visual tokens"):
        pair[0].embed(torch.tensor([ids]), torch.zeros(1, 4, 16), torch.zeros(1, 4, 12))


def test_each_row_is_counted_by_itself(pair: Pair) -> None:
    ids = torch.tensor([[300] * 5 + [301] * 4, [300] * 3 + [301] * 4 + [5] * 2])  # eight in all, as two rows of four
    with pytest.raises(DataError, match="the text has 3, 5 place holders"):
        pair[0].embed(ids, torch.zeros(2, 4, 16), torch.zeros(2, 4, 12))


def test_patches_are_averaged_where_they_lie() -> None:
    tokens = torch.tensor([100.0, *range(16)])[None, :, None]  # a class token, then 4 x 4 patches row by row
    assert pooled(tokens, 2, False).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert pooled(tokens, 2, True).flatten().tolist() == [100.0, 2.5, 4.5, 10.5, 12.5]
    assert pooled(tokens, 0, False).flatten().tolist() == list(range(16))


def test_features_kept_from_before_give_what_pixels_give(pair: Pair) -> None:
    model, tokenizer = pair
    inputs = asked(model, tokenizer, "Is it?")
    kept = {k: v for k, v in inputs.items() if "pixels" not in k}
    with torch.no_grad():
        features = {
            "photo_features": model.encode_photo(inputs["photo_pixels"]),
            "skin_features": model.encode_skin(inputs["skin_pixels"]),
        }
        torch.testing.assert_close(model(**kept, **features).logits, model(**inputs).logits)
        other = model(**kept | pixels(model, seed=1)).logits
    assert features["photo_features"].shape == (1, 4, 16)
    assert (other - model(**inputs).logits).abs().max() > 1e-4  # the photograph is looked at


def test_a_row_does_not_depend_on_its_neighbour_or_padding(pair: Pair) -> None:
    model, tokenizer = pair
    both = asked(model, tokenizer, "Is it?", "Could this be mpox, do you think, or no?")
    with torch.no_grad():
        together = model(**both).logits[:, -1]
        for row in range(2):
            mask = both["attention_mask"][row].bool()
            text = {k: both[k][row : row + 1, mask] for k in ("input_ids", "attention_mask", "position_ids")}
            seen = {k: both[k][row : row + 1] for k in ("photo_pixels", "skin_pixels")}
            torch.testing.assert_close(model(**text, **seen).logits[0, -1], together[row], atol=1e-5, rtol=1e-4)


def test_clip_stays_frozen_and_the_rest_learns(pair: Pair) -> None:
    model, tokenizer = made()
    inputs = asked(model, tokenizer, "Is it?")
    model(**inputs, labels=inputs["input_ids"].where(inputs["input_ids"] < 300, -100)).loss.backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert not any(n.startswith("photo_encoder.") for n in reached)
    for part in ("photo_projector.0", "photo_projector.2", "skin_projector.0", "skin_encoder.encoder.layer.0"):
        assert any(n.startswith(part) for n in reached), part


def test_the_loss_is_that_of_the_language_model(pair: Pair) -> None:
    model, tokenizer = pair
    inputs = asked(model, tokenizer, "Is it?", "Could this be mpox?")
    labels = inputs["input_ids"].clone()
    labels[:, :-20] = -100
    labels[1, -9:] = -100
    with torch.no_grad():
        seen = {f"{p}_features": getattr(model, f"encode_{p}")(inputs[f"{p}_pixels"]) for p in ("photo", "skin")}
        words = model.embed(inputs["input_ids"], **seen)
        text = {k: inputs[k] for k in ("attention_mask", "position_ids")}
        theirs = model.language(inputs_embeds=words, labels=labels, **text).loss
        ours = model(**inputs, labels=labels)
    torch.testing.assert_close(ours.loss, theirs)
    count = int((labels[:, 1:] != -100).sum())
    assert ours.logits.shape == (count, 300)
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs, labels=labels, num_items_in_batch=2 * count).loss, theirs / 2)
        assert model(**inputs, labels=torch.full_like(labels, -100)).loss == 0


def test_the_head_has_no_logit_for_place_holders(pair: Pair) -> None:
    model, tokenizer = pair
    with torch.no_grad():
        logits = model(**asked(model, tokenizer, "Is it?")).logits
    assert logits.shape[-1] == 300 == model.config.photo_token_id


def test_every_weight_comes_back_from_disk(pair: Pair, tmp_path: Path) -> None:
    model, tokenizer = pair
    model.save_pretrained(tmp_path)
    again = read_model(tmp_path)
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert again.get_output_embeddings().weight is again.get_input_embeddings().weight
    assert again.config.base_weights == model.config.base_weights
    inputs = asked(model, tokenizer, "Is it?")
    with torch.no_grad():
        torch.testing.assert_close(again(**inputs).logits, model(**inputs).logits, rtol=0, atol=0)


@pytest.mark.parametrize("change", ["missing", "left over", "another shape", "damaged"])
def test_a_whole_model_with_another_tensor_is_refused(pair: Pair, tmp_path: Path, change: str) -> None:
    pair[0].save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    if change == "missing":
        del state["photo_projector.2.bias"]
    elif change == "left over":
        state["stranger"] = torch.zeros(1)
    elif change == "another shape":
        state["photo_projector.2.bias"] = torch.zeros(5)
    save_file(state, path, {"format": "pt"})
    if change == "damaged":
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match="copy the whole folder again"):
        read_model(tmp_path)


def test_7b_has_the_published_counts() -> None:
    found = counts("7b")
    assert found["language"] == 6_738_415_616  # Touvron et al. 2023, as published with the weights
    assert found["photo_encoder"] == 303_507_456  # CLIP ViT-L/14-336 without its projection of 1024 x 768
    assert found["skin_encoder"] == 85_798_656  # ViT-B/16 without a head
    assert found["photo_projector"] == 1024 * 4096 + 4096 + 4096 * 4096 + 4096


def test_the_memory_plan_by_hand() -> None:
    one, four = plan("7b", 1), plan("7b", 4)
    layer = 16 * (4 * (4096 + 4096) + 3 * (4096 + 11008))  # LoRA of one of 32 layers
    trained = 32 * layer + counts("7b")["photo_projector"] + counts("7b")["skin_projector"]
    frozen = 6_738_415_616 + 303_507_456 + 85_798_656
    assert one.parameters == 2 * frozen + 4 * trained
    assert (one.gradients, one.optimiser, one.gathered) == (4 * trained, 8 * trained, 0)
    assert (four.parameters, four.gradients) == (one.parameters // 4, one.gradients // 4)
    assert four.gathered > 0
    assert table("7b", (1, 4)).count("\n") == 3


def test_the_plan_is_printed_by_the_command() -> None:
    done = CliRunner().invoke(vlm, ["plan", "7b", "--gpus", "1", "--gpus", "4", "--rank", "128", "--batch", "4"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == table("7b", (1, 4), adapter=Adapter(rank=128), batch=4)
