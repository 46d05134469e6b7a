"""Examples: soft targets worked out by hand, nothing of the other side, and the same whenever they are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from vlm_data import LABELS, Drawn, base, drawn, recipe

from mpoxlens.errors import DataError, RecipeError
from mpoxlens.vlm.examples import Example, Examples
from mpoxlens.vlm.features import Picture
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.instructions.templates import topics
from mpoxlens.vlm.partial import heard
from mpoxlens.vlm.posterior import posterior
from mpoxlens.vlm.prompts import IGNORED, answer_ids
from mpoxlens.vlm.reader import REFUSAL
from mpoxlens.vlm.recipe import VlmRecipe, load
from mpoxlens.vlm.vignettes import from_seed

FREQUENCIES = load_frequencies()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def pair() -> Any:
    return base()


def examples(data: Drawn, pair: Any, *left_out: str, of: VlmRecipe | None = None) -> Examples:
    return Examples(of or recipe(), data.side(*left_out), pair[1], pair[0].config, FREQUENCIES)


def drawn_batches(made: Examples, steps: int) -> list[Example]:
    return [one for step in range(steps) for one in made.batch(step)]


def test_nothing_of_a_cluster_that_is_left_out_is_learned(data: Drawn, pair: Any) -> None:
    left_out = {"mpox-0", "measles-1"}
    unseen = {r.sha256 for r in data.manifest.records if r.group in left_out}
    side = data.side(*left_out)
    assert len(unseen) == 2
    assert len(side.records) == 14
    assert not unseen & {one.sha256 for one in side.stored}
    assert {one.sha256 for one in data.stored} > {one.sha256 for one in side.stored} > {"phantom:7000000"}
    drawn_ = drawn_batches(examples(data, pair, *left_out, of=recipe(mixed=0.5)), 40)
    looks = [look for one in drawn_ if one.shown for look in (one.shown, one.shown.other) if look]
    seen = {look.key.split(" ")[0] for look in looks}
    assert not unseen & seen
    assert {r.sha256 for r in side.records} <= seen


def test_held_out_wordings_never_come(data: Drawn, pair: Any) -> None:
    assert all(one.split == "train" and one.kind != "diagnosis" for one in data.side().stored)
    held_out = [q.text for t in topics().values() for q in t.questions if q.held_out]
    asked = [pair[1].decode(one.ids) for one in drawn_batches(examples(data, pair), 30)]
    assert not any(text.split("<|im_end|>")[1].endswith(f"\n{q}") for text in asked for q in held_out)


def test_an_answer_begins_with_a_yes_a_no_or_a_refusal(data: Drawn, pair: Any) -> None:
    drawn_ = drawn_batches(examples(data, pair), 20)
    refused = [one for one in drawn_ if one.first >= 0 and not one.points]
    assert refused
    for one in refused:
        words = pair[1].decode(one.labels[one.first :])
        assert words.startswith(REFUSAL)
        assert one.labels[one.first - 1] == IGNORED
    asked = [one for one in drawn_ if one.first >= 0 and one.points]
    assert len(asked) == round(0.7 * 8) * 10  # windows of eight examples
    for one in asked:
        assert one.ids[one.first] in answer_ids(pair[1])
        assert one.labels[one.first] == one.ids[one.first]
        assert set(one.labels[: one.first]) == {IGNORED}
        assert one.points[-1].place == one.first - 1
    assert {one.shown.view for one in asked if one.shown} == {0, 1}
    assert not any(one.points for one in drawn_ if one.first < 0)


def test_a_target_is_teacher_history_and_label_in_their_shares(data: Drawn, pair: Any) -> None:
    """Without a history the combination is the teacher's word: .7 or .1, and the label has three tenths."""
    made = examples(data, pair, of=recipe(no_history=1.0, soft=0.7))
    for i, record in enumerate(made.side.records):
        mpox = record.label == "mpox"
        assert made.fresh(0, i).points[-1].chance == pytest.approx(0.7 * 0.7 + 0.3 if mpox else 0.7 * 0.1)
    told = examples(data, pair, of=recipe(no_history=0.0, soft=1.0))
    row = next(i for i, r in enumerate(told.side.records) if r.label == "mpox")
    word = {label: 0.7 if label == "mpox" else 0.1 for label in LABELS}
    info = from_seed("mpox", 5, FREQUENCIES).info
    by_hand = posterior(info, word, FREQUENCIES)["mpox"]
    said = heard(info, 0, word, FREQUENCIES, "2022")
    assert said[0].chance == pytest.approx(0.7)
    assert said[-1].chance == pytest.approx(by_hand)
    assert 0.7 < by_hand < 1
    chances = {told.fresh(epoch, row).points[-1].chance for epoch in range(8)}
    assert len(chances) >= 3  # a new history each epoch, some empty


def test_a_history_of_another_label_is_weighed_and_gives_no_words(data: Drawn, pair: Any) -> None:
    made = examples(data, pair, of=recipe(no_history=0.0, mismatched=1.0, soft=0.0))
    row = next(i for i, r in enumerate(made.side.records) if r.label == "mpox")
    drawn_ = [made.fresh(epoch, row) for epoch in range(12)]
    assert all(sum(label != IGNORED for label in one.labels) == 1 for one in drawn_)
    assert all(one.labels[one.first] == one.ids[one.first] for one in drawn_)
    targets = [one.points[-1].chance for one in drawn_]
    assert max(targets) < 1  # the label has no share
    assert any(one == pytest.approx(0.7) for one in targets)  # the teacher's word, where nothing is known
    assert min(targets) < 0.1


def test_batches_depend_on_seed_and_place_alone(data: Drawn, pair: Any) -> None:
    first, other = examples(data, pair), examples(data, pair)
    assert other.batch(5) == [first.batch(step) for step in range(6)][5]
    assert first.batch(5) != examples(data, pair, of=recipe(seed=8)).batch(5)
    sizes = [len(one.ids) for step in (0, 1) for one in sorted(first.batch(step), key=lambda e: len(e.ids))]
    assert max(sizes[:4]) <= min(sizes[4:]) or max(sizes[4:]) <= min(sizes[:4])  # like lengths together


def test_an_epoch_goes_once_through_all(data: Drawn, pair: Any) -> None:
    made = examples(data, pair, of=recipe(diagnosis=1.0))
    pictures = [one.shown.key for one in drawn_batches(made, 4) if one.shown]  # 16 photographs, four a step
    assert sorted(pictures) == sorted(Picture(r.sha256).key for r in data.manifest.records)


def test_a_label_without_histories_is_refused(data: Drawn, pair: Any) -> None:
    other = replace(recipe(), data=replace(recipe().data, labels=("mpox", "cowpox")))
    with pytest.raises(DataError, match="label cowpox: the table of frequencies has no histories of it"):
        examples(data, pair, of=other)


@pytest.mark.parametrize("name", ["vlm-mini", "vlm-7b"])
def test_shipped_recipes_are_read(name: str, request: pytest.FixtureRequest) -> None:
    found = load(request.config.rootpath / "recipes" / f"{name}.toml")
    assert found.folding.train.folds == found.train.folds == 5
    assert found.folding.data == found.data
    moved = replace(found, train=replace(found.train, tune_steps=7))
    assert moved.sha256 != found.sha256
    assert replace(found, train=replace(found.train, checkpoint_steps=7)).sha256 == found.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nlr_lra = 1e-4", "'lr_lra': no such setting of \\[train\\]; did you mean 'lr_lora'?"),
        ("[train]\nsoft = 1.5", "train.soft = 1.5: impossible"),
        ("[model]\nrank = 0", "model.rank = 0: impossible"),
        ("[tune]\nrank = 1", "'tune': no such section"),
        ('[data]\nlabels = ["mpox", "healthy"]\nwithout = ["healthy"]', "train.mismatched = 0.3: impossible"),
        ("[train]\nmismatched = -0.1", "train.mismatched = -0.1: impossible"),
    ],
)
def test_a_wrong_recipe_is_refused(text: str, message: str, tmp_path: Any) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        load(path)


def test_of_a_mixture_the_teacher_alone_is_believed(data: Drawn, pair: Any) -> None:
    made = examples(data, pair, of=recipe(mixed=1.0, no_history=1.0, soft=0.0))
    label = {Picture(r.sha256).key: r.label for r in data.manifest.records}
    for i in range(len(made.side.records)):
        one = made.fresh(0, i)
        assert one.shown
        assert one.shown.other
        assert label[one.shown.key] != label[one.shown.other.key]
        assert 0 < one.shown.share < 1
        word = made.side.teacher(made.side.features.pooled([one.shown]))[0, 0]
        assert one.points[-1].chance == pytest.approx(word)
        assert sum(token != IGNORED for token in one.labels) == 1
