"""The report stands alone, shows no photograph unasked, and fills the checklist in from the run."""

import json
import re
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from mpoxlens.bundle import Bundle
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import clustered
from mpoxlens.datasets.phantom import draw
from mpoxlens.evaluation import external
from mpoxlens.evaluation.battery import Goals, cross_fit, figures, judged_of
from mpoxlens.evaluation.judge import BundleJudge, Judgement
from mpoxlens.evaluation.judgements import Judgements, judge_all
from mpoxlens.evaluation.leak import Leak
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.report.charts import Scores, reliability, roc
from mpoxlens.evaluation.report.checklist import checklist
from mpoxlens.evaluation.report.external import _worst, write_external_report
from mpoxlens.evaluation.report.training import write_training_report
from mpoxlens.evaluation.report.worst import worst
from mpoxlens.evaluation.summary import Summary, described
from mpoxlens.evaluation.told import decisions, mimics
from mpoxlens.schema import Decision, ImageRecord
from mpoxlens.vision.recipe import STUDY, BundleRecipe

LABELS = ("mpox", "chickenpox", "measles", "healthy")


class Sound(HTMLParser):
    """Notes what is opened and not closed, and everything that would be loaded."""

    VOID = frozenset({"meta", "img", "br", "path", "rect", "circle", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.styled = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.loads += [str(named[key]) for key in ("src", "href") if key in named] + (["script"] * (tag == "script"))
        self.styled += "style" in named
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def read(path: Path) -> Sound:
    page = Sound()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    assert page.styled == 0  # the policy allows the one style sheet only
    return page


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    rng = np.random.default_rng(4)
    target = np.repeat(np.arange(4), 12)
    logits = rng.normal(size=(48, 4)).astype(np.float32) + 1.5 * np.eye(4, dtype=np.float32)[target]
    names = tuple(f"{i:064x}" for i in range(48))
    return Predictions(LABELS, names, target, names, np.arange(48) % 3, np.zeros(48, np.int64), logits, np.ones(48))


def test_a_training_run_has_its_report(predictions: Predictions, tmp_path: Path) -> None:
    judged = judged_of(predictions)
    fitted = cross_fit(judged, Goals(0.9, 0.1), 0)
    measured = figures(judged, fitted, groups={"size": ["small", "large"] * 24})
    training = {"photos": {"mpox": 12}, "folds": 3, "sources": ["one"], "versions": {"mpoxlens": "1"}}
    bundle = tiny.build(tmp_path / "b", figures=measured, training=training)
    write_training_report(bundle, judged, fitted, tmp_path / "r.html", sha256=predictions.sha256)
    page, text = read(tmp_path / "r.html"), (tmp_path / "r.html").read_text()
    assert page.loads == []
    titles = ("Figures", "Curves", "Prediction sets", "Subgroups", "Confusion matrix", "Worst mistakes", "Checklist")
    assert [title for title in titles if f"<h2>{title}</h2>" not in text] == []
    auroc = measured["rash_only"]["auroc"]["value"]
    assert f"{auroc:.3f}".lstrip("0") in text
    wrong = int((fitted.called != (judged.target == 0)).sum())
    assert text.count('<th scope="row" class="number">') == min(wrong, 20)


OF_THE_PUBLIC_PHOTOGRAPHS = (
    "collected afterwards.",
    "publisher",
    "laboratory",
    "All that could be had",
    "reviewers",
    "few people",
)


def checklist_of(predictions: Predictions, folder: Path, training: dict[str, object]) -> str:
    """The checklist's part of the report of a training run."""
    judged = judged_of(predictions)
    fitted = cross_fit(judged, Goals(0.9, 0.1), 0)
    bundle = tiny.build(folder / "b", figures=figures(judged, fitted), training={"sources": ["one"], **training})
    write_training_report(bundle, judged, fitted, folder / "r.html")
    return (folder / "r.html").read_text().partition("<h2>Checklist</h2>")[2]


def test_the_checklist_claims_nothing_of_a_study_that_nobody_described(
    predictions: Predictions, tmp_path: Path
) -> None:
    text = checklist_of(predictions, tmp_path, {})
    assert [words for words in OF_THE_PUBLIC_PHOTOGRAPHS if words in text] == []
    assert text.count('<span class="no">not answered: for you to say</span>') == 8
    assert "How it was established is for you to say." in text


def test_the_checklist_says_what_the_recipe_states(predictions: Predictions, tmp_path: Path) -> None:
    recipe = BundleRecipe(limits=("One clinic.",), **{name: f"The {name} are <b>these</b>." for name in STUDY})
    text = checklist_of(predictions, tmp_path, recipe.statements)
    assert [name for name in STUDY if f"The {name} are &lt;b&gt;these&lt;/b&gt;." not in text] == []
    assert "for you to say" not in text


def test_a_model_at_chance_is_said_to_be(predictions: Predictions, tmp_path: Path) -> None:
    shuffled = replace(predictions, logits=np.random.default_rng(1).normal(size=(48, 4)).astype(np.float32))
    judged = judged_of(shuffled)
    fitted = cross_fit(judged, Goals(0.9, 0.1), 0)
    bundle = tiny.build(tmp_path / "b", figures=figures(judged, fitted), training={})
    write_training_report(bundle, judged, fitted, tmp_path / "r.html")
    assert "Not shown to be of use: the AUROC&#39;s interval" in (tmp_path / "r.html").read_text()


@pytest.fixture(scope="module")
def evaluated(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The report without photographs, that with them, and a folder of photographs; made without the search."""
    root = tmp_path_factory.mktemp("report")
    for label in ("mpox", "chickenpox", "<b>bold"):
        (root / "d" / label).mkdir(parents=True)
        for i in range(3):
            pixels = draw(len(label) * 10 + i, count=9, stage="papule", size=96).pixels
            Image.fromarray(pixels).save(root / "d" / label / f"{i}.png")
    manifest = collect([root / "d"])
    manifest = replace(manifest, records=clustered(manifest, []))
    bundle = Bundle.load(tiny_path, threads=1)
    judged = judge_all(BundleJudge(bundle), manifest.root, manifest.records)
    content = described(
        bundle.spec, bundle.sha256, root / "d", manifest, manifest, Leak((), (), ("<i>no record</i>",)), []
    )
    content |= external.battery_of(judged.predictions(), bundle.spec, judged)
    content |= {"decisions": decisions(judged), "mimics": mimics(judged), "stress": None}
    plain, shown = root / "plain.html", root / "shown.html"
    for path, photos in ((plain, None), (shown, manifest.root)):
        write_external_report(Summary(content), bundle.spec, judged, path, root=photos)
    return plain, shown, root / "d"


def test_an_evaluation_has_the_same_report(evaluated: tuple[Path, Path, Path]) -> None:
    text = evaluated[0].read_text()
    assert read(evaluated[0]).loads == []
    titles = ("Figures", "Curves", "What people would be told", "Other diseases", "Leak check", "Checklist")
    assert [title for title in titles if f"<h2>{title}</h2>" not in text] == []
    assert "Leak check: not possible." in text


def test_photographs_are_shown_on_request_alone(evaluated: tuple[Path, Path, Path]) -> None:
    plain, shown, _ = evaluated
    assert "<img" not in plain.read_text()
    assert {load.partition(",")[0] for load in read(shown).loads} == {"data:image/jpeg;base64"}


def test_names_are_text_and_never_markup(evaluated: tuple[Path, Path, Path]) -> None:
    text = evaluated[0].read_text()
    assert "&lt;b&gt;bold" in text
    assert "<b>bold" not in text
    assert "<i>no record" not in text


def test_no_path_of_this_machine_is_told(evaluated: tuple[Path, Path, Path]) -> None:
    assert str(evaluated[2].parent) not in evaluated[0].read_text()


def test_an_item_whose_facts_are_unknown_is_not_answered() -> None:
    found = {item.id: item for item in checklist({"training": {}})}
    assert not found["TRIPOD+AI 12b–c, CLAIM 22, 24–26"].answered
    assert found["TRIPOD+AI 12b–c, CLAIM 22, 24–26"].answer == "the bundle does not record it"
    assert found["TRIPOD+AI 17"].answer == "for you to say"
    assert found["CLAIM 27"].answered  # always


def test_an_item_is_filled_in_from_the_run() -> None:
    training = {
        "backbone": "b0",
        "base_weights": "w",
        "recipe": "r.toml",
        "recipe_sha256": "ab" * 32,
        "seed": 7,
        "folds": 5,
    }
    found = {item.id: item.answer for item in checklist({"training": training})}
    told = "b0 from base weights w, recipe r.toml (sha256 abababababab), seed 7, 5 folds."
    assert found["TRIPOD+AI 12b–c, CLAIM 22, 24–26"] == told


def test_the_checklist_names_every_item_of_both() -> None:
    text = (resources.files("mpoxlens.evaluation.report") / "checklist.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["item"]
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    claim = ", ".join(one.partition("CLAIM ")[2] for one in ids)
    spans = [part.split("–") for part in re.findall(r"\d+(?:–\d+)?", claim)]
    named = {n for span in spans for n in range(int(span[0]), int(span[-1]) + 1)}
    assert set(range(1, 43)) - named == {2, 6}  # abstract and study goal are an article's
    assert all("why" in row for row in rows if not row["answer"])


def test_the_roc_marks_the_operating_point() -> None:
    scores = Scores(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.6, 0.9]), 0.5)
    one = {"value": 0.5, "low": 0.25, "high": 0.75}
    assert "Sensitivity 0.50 at specificity 0.50" in roc(scores, {"sensitivity": one, "specificity": one}).caption


def test_reliability_bins_hold_at_least_five() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(23)
    svg = reliability(Scores(rng.random(23) < p, p, 0.5)).svg
    assert len(re.findall("<circle", svg)) == 4  # 23 // 5


def test_mistakes_come_in_the_order_that_is_shown() -> None:
    """Operating points of .5, .5, .9 and .1: the log-odds from these decide, not the probability alone."""
    p, points = np.array([0.9, 0.2, 0.99, 0.6]), np.array([0.5, 0.5, 0.9, 0.1])
    margin = np.log(p / (1 - p)) - np.log(points / (1 - points))
    found = worst(list("abcd"), ["x"] * 4, p, np.ones(4, bool), margin, ["t"] * 4)
    assert [one["sha256"] for one in found] == ["d", "c", "a", "b"]
    assert [round(one["margin"], 2) for one in found] == [2.6, 2.4, 2.2, -1.39]


def test_nobody_is_among_the_mistakes_who_was_told_nothing(tiny_path: Path) -> None:
    n, told = 6, [Decision.LIKELY, Decision.UNLIKELY, Decision.CANNOT_TELL] * 2
    records = tuple(ImageRecord(f"{i}" * 64, "", "mpox" if i < 3 else "measles", "", None, 9, 9, "") for i in range(n))
    p = np.linspace(0.9, 0.1, n)
    found = Judgement(p, p >= 0.5, np.zeros(n), np.zeros(n, bool), tuple(told))
    judged = Judgements(("mpox", "measles"), 0, records, np.zeros((n, 2), np.float32), np.zeros(n), np.zeros(n), found)
    spec = Bundle.load(tiny_path, check_golden=False).spec
    rows = _worst(judged, np.ones(n, bool), spec, None)
    assert {(row["sha256"][0], row["told"]) for row in rows} == {("1", "mpox unlikely"), ("3", "mpox likely")}


def test_the_surest_mistake_comes_first() -> None:
    p = np.array([0.9, 0.2, 0.99, 0.6])
    found = worst(list("abcd"), ["x"] * 4, p, np.array([True, False, True, True]), p - 0.5, ["t"] * 4)
    assert [one["sha256"] for one in found] == ["c", "a", "d"]
    assert json.dumps(found)  # plain
