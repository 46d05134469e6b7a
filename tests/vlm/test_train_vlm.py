"""Training: what is minimised worked out the long way, who moves, that a resumed fit is the unbroken one, and folds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet
from torch.nn import functional
from vlm_data import Drawn, base, drawn, recipe

from mpoxlens.datasets.progress import silent
from mpoxlens.errors import CheckpointError, DivergedError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.rules import sigmoid
from mpoxlens.vision.plan import plan
from mpoxlens.vlm.adapter import load_adapter
from mpoxlens.vlm.crossval import Work, cross_validate, learn
from mpoxlens.vlm.examples import Examples
from mpoxlens.vlm.features import Picture
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.loss import Lesson, batch_of
from mpoxlens.vlm.predict import Prompt, predict
from mpoxlens.vlm.prompts import IGNORED, answer_ids
from mpoxlens.vlm.teacher import teacher_of
from mpoxlens.vlm.train import CHECKPOINT, fit, rate

FREQUENCIES = load_frequencies()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn(tmp_path_factory.mktemp("drawn"))


def asked(data: Drawn) -> list[Prompt]:
    return [Prompt(Picture(record.sha256).key) for record in data.manifest.records]


def test_the_loss_is_that_of_the_whole_logits(data: Drawn) -> None:
    """The head sees the learned places alone; here it sees all, and every term is a sum over examples and tokens."""
    model, tokenizer = base()
    answers, weight = answer_ids(tokenizer), 2.0
    batch_at = Examples(recipe(), data.side(), tokenizer, model.config, FREQUENCIES).batch
    examples = [one for step in range(12) for one in batch_at(step)]
    openings = [one.ids[one.first] for one in examples if one.first >= 0]
    assert {opening in answers for opening in openings} == {True, False}  # a yes or no, and a refusal
    assert len(openings) < len(examples)
    batch = batch_of(examples, data.features, tokenizer.pad_token_id, "cpu")
    with torch.no_grad():
        found = float(Lesson(model, answers, weight)(**batch))
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "photo_features", "skin_features")}
        logits = model(**inputs).logits.log_softmax(-1)
    total = 0.0
    for row, one in enumerate(examples):
        learned = [place for place, label in enumerate(one.labels) if label != IGNORED]
        words = [-logits[row, place - 1, one.labels[place]] for place in learned if place != one.first]
        total += float(torch.stack(words).mean()) if words else 0.0
        if one.first >= 0:
            before, said = logits[row, one.first - 1], one.ids[one.first]
            total -= weight * float(before[list(answers)].logsumexp(0) if said in answers else before[said])
        for point in one.points:
            yes, no = logits[row, point.place][list(answers)]
            target = torch.tensor(point.chance)
            bce = float(functional.binary_cross_entropy_with_logits(yes - no, target))
            total += weight * point.share * bce
    assert found == pytest.approx(total / len(examples), rel=1e-4)


@pytest.mark.slow
def test_p_yes_moves_to_its_targets_and_nothing_frozen_moves(data: Drawn, tmp_path: Path) -> None:
    model, tokenizer = base()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    settings = recipe(
        align_steps=10, tune_steps=90, lr_align=1e-2, lr_lora=1e-2, lr_projector=5e-3, diagnosis=1.0, no_history=1.0
    )
    label = {Picture(record.sha256).key: record.label for record in data.manifest.records}
    plain = {k: v + np.float16(3 if label.get(k) == "mpox" else -3) for k, v in data.features.photo.items()}
    marked = replace(data.features, photo=plain)  # all drawings look alike, so that here the label is made visible
    losses: list[str] = []
    fitted = fit(
        settings,
        replace(data.side(), features=marked),
        tmp_path,
        lambda stage, *_: losses.append(stage.split("loss ")[1]),
        base=(model, tokenizer),
    )
    curve = np.array(losses, dtype=float)
    assert curve[-10:].mean() < 0.7 * curve[:10].mean()
    p = 1 / (1 + np.exp(-predict(fitted.model, tokenizer, asked(data), marked)))
    mpox = np.array([record.label == "mpox" for record in data.manifest.records])
    assert p[mpox].min() > p[~mpox].max()  # targets are .79 and .07
    assert abs(p[mpox].mean() - 0.79) < 0.2
    assert abs(p[~mpox].mean() - 0.07) < 0.1

    moved = {n for n, p in fitted.model.named_parameters() if n in before and not torch.equal(p, before[n])}
    assert moved
    assert all(name.startswith(("photo_projector.", "skin_projector.")) for name in moved)
    new, _ = base()
    load_adapter(tmp_path / "adapter", new)
    odds = predict(new, tokenizer, asked(data), marked)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), p, atol=0.01)  # the file is in 16 bits


class Stop(Exception):  # noqa: N818  what Ctrl-C does
    pass


@pytest.mark.parametrize("at", [3, 5])
def test_a_resumed_fit_is_the_unbroken_one(data: Drawn, tmp_path: Path, at: int) -> None:
    """Stopped at the end of stage 1, and within stage 2 between two checkpoints."""

    def stop(_stage: str, done: int, _of: int) -> None:
        if done == at + 1:
            raise Stop

    side, settings = data.side(), replace(recipe(), model=replace(recipe().model, dropout=0.1))
    whole = fit(settings, side, tmp_path / "whole", base=base())
    with pytest.raises(Stop):
        fit(settings, side, tmp_path / "broken", stop, base=base())
    resumed = fit(settings, side, tmp_path / "broken", base=base())
    a, b = whole.model.state_dict(), resumed.model.state_dict()
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=0)
    assert resumed.loss == whole.loss


def test_a_checkpoint_of_another_fit_is_refused(data: Drawn, tmp_path: Path) -> None:
    fit(recipe(tune_steps=1, align_steps=0), data.side(), tmp_path, base=base())
    with pytest.raises(CheckpointError, match="it belongs to another recipe or other photographs"):
        fit(recipe(tune_steps=1, align_steps=0), data.side("mpox-0"), tmp_path, base=base())
    (tmp_path / CHECKPOINT).write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="damaged"):
        fit(recipe(tune_steps=1, align_steps=0), data.side(), tmp_path, base=base())


def test_a_loss_that_is_not_finite_is_refused(data: Drawn, tmp_path: Path) -> None:
    model, tokenizer = base()
    with torch.no_grad():
        model.photo_projector[0].weight[0, 0] = torch.nan
    with pytest.raises(DivergedError, match="the loss is not finite in step 1; lower the rates"):
        fit(recipe(probed=False), data.side(), tmp_path, base=(model, tokenizer))


def test_the_rate_rises_and_falls() -> None:
    assert [rate(step, 100, 0.04) for step in (0, 3, 4)] == pytest.approx([0.25, 1.0, 1.0])
    assert rate(52, 100, 0.04) == pytest.approx(0.01 + 0.99 / 2)
    assert rate(100, 100, 0.04) == pytest.approx(0.01)
    assert rate(0, 1, 0.03) == 1.0


def test_log_odds_do_not_hang_on_the_company(data: Drawn) -> None:
    model, tokenizer = base()
    prompts = [*asked(data)[:3], Prompt(asked(data)[0].picture, history="Fever: yes. Itch: no.")]
    together = predict(model, tokenizer, prompts, data.features)
    alone = [predict(model, tokenizer, [one], data.features)[0] for one in prompts]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(set(np.round(together, 7))) == 4


def test_a_teacher_is_tempered_by_what_it_had_not_learned() -> None:
    """Noise can be learned by heart, and is of no use for another cluster."""
    rng = np.random.default_rng(0)
    labels, clusters = [k % 4 for k in range(80)], [f"c{k}" for k in range(80)]
    features = rng.normal(size=(80, 200)).astype(np.float32)
    teacher = teacher_of(features, labels, clusters, recipe(inverse_penalty=1.0).folding)
    logits, mpox = teacher.probe.logits(features), np.array(labels) == 0
    raw = sigmoid(logits[:, 0] - np.logaddexp.reduce(logits[:, 1:], axis=1))
    assert raw[mpox].min() > 0.9
    word = teacher(features)
    np.testing.assert_allclose(word.sum(axis=1), 1)
    assert (raw - word[:, 0])[mpox].min() > 0.1  # its scale is what served other clusters


@pytest.mark.slow
def test_folds_judge_every_photograph_once_and_are_not_done_again(data: Drawn, tmp_path: Path) -> None:
    settings = recipe(align_steps=1, tune_steps=1, batch=2, window=1)
    work = Work(settings, data.manifest, data.stored, data.features, FREQUENCIES, tmp_path, silent)
    found = cross_validate(work)
    assert found.sha256 == tuple(r.sha256 for r in data.manifest.records)
    assert found.labels == ("mpox", "other")
    assert [target == 0 for target in found.target] == [r.label == "mpox" for r in data.manifest.records]
    for part in plan(settings.folding, data.manifest):
        _, _, side = learn(work, part.seen, tmp_path / part.folder, part.name)  # goes on from the checkpoint
        tested = {name for name, k in zip(found.cluster, found.fold, strict=True) if k == part.fold}
        assert tested
        assert not tested & {record.group for record in side.records}
        assert not tested & {one.cluster for one in side.stored}

    told = parquet.read_table(tmp_path / "histories.parquet").to_pylist()
    assert [row["sha256"] for row in told] == list(found.sha256)
    alone = found.logits[:, 0] - found.logits[:, 1]
    np.testing.assert_allclose([row["log_odds_alone"] for row in told], alone, atol=1e-5)
    assert any(abs(row["log_odds"] - row["log_odds_alone"]) > 1e-6 for row in told)

    marked = tmp_path / "fold0" / "predictions.parquet"
    p = Predictions.read(marked)
    replace(p, logits=p.logits + np.float32([5, 0])).write(marked)
    moved = cross_validate(work).logits - found.logits
    assert moved[found.fold == 0, 0] == pytest.approx(5.0, abs=1e-4)
    assert not moved[found.fold == 1].any()
