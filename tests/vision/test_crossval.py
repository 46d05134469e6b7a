"""Folds hold whole clusters, repeats deal anew, what is done stays done, and what cannot be learned is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import silent
from mpoxlens.errors import DataError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.schema import Pixels
from mpoxlens.vision.crossval import cross_validate, fit_part
from mpoxlens.vision.data import inputs, load_pixels
from mpoxlens.vision.fit import predict
from mpoxlens.vision.plan import plan
from mpoxlens.vision.recipe import Recipe, load


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, list[Pixels]]:
    found = small.manifest(tmp_path_factory.mktemp("drawn"))
    return found, load_pixels(found.root, found.records)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load(small.written(tmp_path / "small.toml"))


def with_train(recipe: Recipe, **changed: object) -> Recipe:
    return replace(recipe, train=replace(recipe.train, **changed))  # type: ignore[arg-type]


def test_each_repeat_judges_every_photograph_once_and_cuts_no_cluster(
    drawn: tuple[Manifest, list[Pixels]], recipe: Recipe
) -> None:
    manifest, _ = drawn
    parts = plan(with_train(recipe, repeats=2), manifest)
    assert [(p.repeat, p.fold, p.folder) for p in parts] == [
        (0, 0, "fold0"), (0, 1, "fold1"), (1, 0, "repeat1/fold0"), (1, 1, "repeat1/fold1")
    ]  # fmt: skip
    for repeat in (0, 1):
        judged = np.concatenate([p.unseen for p in parts if p.repeat == repeat])
        assert sorted(judged.tolist()) == list(range(24))
    for p in parts:
        seen, unseen = ({manifest.records[i].group for i in rows} for rows in (p.seen, p.unseen))
        assert not seen & unseen
    assert set(parts[0].unseen) != set(parts[2].unseen)


@pytest.mark.parametrize(
    ("labels", "folds", "message"),
    [
        (
            ("mpox", "chickenpox", "healthy"),
            5,
            r"label \w+: 4 clusters are too few for 5 folds; add photographs, or set train\.folds to 4",
        ),
        (("mpox", "chickenpox", "healthy", "measles"), 2, "label measles: no photograph has it; add some"),
        (("mpox", "chickenpox"), 2, "label 'healthy' is not in the recipe's data.labels"),
    ],
)
def test_a_label_that_cannot_be_learned_is_refused_before_any_work(
    drawn: tuple[Manifest, list[Pixels]], recipe: Recipe, labels: tuple[str, ...], folds: int, message: str
) -> None:
    other = replace(with_train(recipe, folds=folds), data=replace(recipe.data, labels=labels))
    with pytest.raises(DataError, match=message):
        plan(other, drawn[0])


def test_a_label_that_reviewers_doubt_altogether_is_refused(
    drawn: tuple[Manifest, list[Pixels]], recipe: Recipe
) -> None:
    flags = {r.sha256: frozenset({"doubtful_label"}) for r in drawn[0].records if r.label == "healthy"}
    with pytest.raises(DataError, match="label healthy: reviewers doubt every photograph that fold 1 of 2"):
        plan(recipe, replace(drawn[0], flags=flags))


def test_frozen_predictions_are_out_of_fold_and_a_finished_fold_is_read(
    drawn: tuple[Manifest, list[Pixels]], recipe: Recipe, tmp_path: Path
) -> None:
    manifest, pixels = drawn
    first = cross_validate(with_train(recipe, repeats=2), manifest, pixels, tmp_path / "run", silent)
    assert first.repeat.tolist() == [0] * 24 + [1] * 24
    assert first.sha256[:24] == first.sha256[24:] == tuple(r.sha256 for r in manifest.records)
    for p in plan(with_train(recipe, repeats=2), manifest):
        rows = 24 * p.repeat + p.unseen
        assert set(first.fold[rows].tolist()) == {p.fold}
    # By hand: the network of fold 1, exported as any other, says the same of what fold 1 holds out.
    part = plan(recipe, manifest)[1]
    model = fit_part(recipe, manifest, pixels, part.seen, tmp_path / "run" / "fold1", "fold 2", silent)
    batch = inputs([pixels[i] for i in part.unseen], _preprocess(model))
    np.testing.assert_allclose(predict(model, batch)[0], first.logits[part.unseen], atol=1e-3)

    stored = tmp_path / "run" / "fold0" / "outputs.npz"
    with np.load(stored) as found:
        marked = dict(found)
    np.savez(stored, **{**marked, "logits": marked["logits"] + 5.0})
    again = cross_validate(with_train(recipe, repeats=2), manifest, pixels, tmp_path / "run", silent)
    moved = again.logits - first.logits
    assert moved[(first.fold == 0) & (first.repeat == 0)] == pytest.approx(5.0, abs=1e-4)
    assert moved[(first.fold == 1) | (first.repeat == 1)] == pytest.approx(0.0, abs=1e-6)


def _preprocess(model):  # type: ignore[no-untyped-def]
    from mpoxlens.vision.backbones import preprocess_of

    return preprocess_of(model, 64)


@pytest.mark.slow
def test_fine_tuning_judges_what_it_has_not_seen(
    drawn: tuple[Manifest, list[Pixels]], recipe: Recipe, tmp_path: Path
) -> None:
    manifest, pixels = drawn
    p = cross_validate(with_train(recipe, mode="fine-tune"), manifest, pixels, tmp_path / "run", silent)
    p.write(tmp_path / "predictions.parquet")
    assert Predictions.read(tmp_path / "predictions.parquet").logits.tolist() == p.logits.tolist()
    assert p.labels == ("mpox", "chickenpox", "healthy")
    by_hand = fit_part(
        with_train(recipe, mode="fine-tune"),
        manifest,
        pixels,
        plan(recipe, manifest)[0].seen,
        tmp_path / "run" / "fold0",
        "",
        silent,
    )
    unseen = plan(recipe, manifest)[0].unseen
    logits, _ = predict(by_hand, inputs([pixels[i] for i in unseen], _preprocess(by_hand)))
    np.testing.assert_allclose(p.logits[unseen], logits, atol=1e-4)


def test_of_several_views_the_plain_one_is_judged(
    drawn: tuple[Manifest, list[Pixels]], recipe: Recipe, tmp_path: Path
) -> None:
    manifest, pixels = drawn
    one, two = (
        cross_validate(with_train(recipe, views=views), manifest, pixels, tmp_path / str(views), silent)
        for views in (1, 2)
    )
    embedding = []
    for views in (1, 2):
        with np.load(tmp_path / str(views) / "fold0" / "outputs.npz") as found:
            embedding.append(found["embedding"])
    np.testing.assert_allclose(embedding[0], embedding[1], atol=1e-5)
    assert (one.logits != two.logits).any()  # what was learned differs
