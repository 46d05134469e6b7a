"""The question-answer set: true of every picture, the same from the same seed, and with nothing but references."""

import json
import re
from collections import Counter
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from pyarrow import parquet

import hand_made
from mpoxlens.cli_vlm import vlm
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import Lesion, Phantom
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.schema import ClinicalInfo, ImageRecord
from mpoxlens.screening.history import parse_history
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.instructions.drawn import count_band, quarters
from mpoxlens.vlm.instructions.histories import Source, told
from mpoxlens.vlm.instructions.make import Settings, instructions
from mpoxlens.vlm.instructions.nouns import Instruction, read_instructions
from mpoxlens.vlm.instructions.photographs import change
from mpoxlens.vlm.instructions.pictures import alter, damaged, gate, phantom_of, pixels_of
from mpoxlens.vlm.instructions.templates import topics
from mpoxlens.vlm.instructions.write import llava
from mpoxlens.vlm.posterior import posterior
from mpoxlens.vlm.words import WORDINGS, answers, history_text, phrase

KINDS = {"diagnosis", "description", "effect", "advice", "quality", "refusal"}
LABELS = ("mpox", "chickenpox", "measles", "healthy")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Six drawn photographs a label, one of a label without frequencies, and one whose label is in doubt."""
    root = tmp_path_factory.mktemp("photos")
    names = [f"{label}/{seed}.jpg" for seed, label in enumerate(LABELS * 6)]
    records = [hand_made.photograph(root, name, seed) for seed, name in enumerate((*names, "hand_foot_mouth/x.jpg"))]
    doubted = hand_made.photograph(root, "mpox/doubted.jpg", 99)
    ordered = tuple(sorted((*records, doubted), key=lambda record: record.sha256))
    return Manifest(root, ordered, flags={doubted.sha256: frozenset({"doubtful_label"})})


@pytest.fixture(scope="module")
def made(photographs: Manifest) -> tuple[Instruction, ...]:
    found = instructions(photographs, Settings(phantoms=40, per_photo=3))
    assert found.problems == ()
    return found.records


@pytest.fixture(scope="module")
def work(photographs: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return hand_made.workspace(tmp_path_factory.mktemp("work") / "ws", photographs.root, photographs.records)


# --- templates


def test_every_kind_has_paraphrases_and_wordings_enough() -> None:
    asked: dict[str, set[str]] = {}
    held_out: dict[str, set[str]] = {}
    for topic in topics().values():
        asked.setdefault(topic.kind, set()).update(one.text for one in topic.questions)
        held_out.setdefault(topic.kind, set()).update(one.text for one in topic.questions if one.held_out)
        assert len({one.text for one in topic.questions}) == len(topic.questions) >= 8
        assert sum(one.held_out for one in topic.questions) >= 2
        assert all(len(set(wordings)) >= 3 for wordings in topic.answers.values())
    assert asked.keys() == held_out.keys() == KINDS


def test_no_wording_is_both_trained_on_and_held_out() -> None:
    every = [one for topic in topics().values() for one in topic.questions]
    assert not {one.text for one in every if one.held_out} & {one.text for one in every if not one.held_out}


def test_a_diagnosis_begins_with_yes_or_no_and_nothing_else_does_so_in_its_place() -> None:
    for name, topic in topics().items():
        for case, wordings in topic.answers.items():
            if topic.kind == "diagnosis":
                assert all(one.startswith("Yes, " if case == "mpox" else "No, ") for one in wordings), name
                assert not any(re.search(r"\d", one) for one in wordings), name
            elif name == "refusal.unusable":
                assert all(one.startswith("Cannot tell") for one in wordings)
            else:
                assert not any(re.match(r"(Yes|No)\b", one) for one in wordings if topic.kind != "advice"), name


# --- what is made


def test_all_kinds_are_made_in_both_splits(made: tuple[Instruction, ...]) -> None:
    found = Counter((one.kind, one.split) for one in made)
    assert {kind for kind, _ in found} == KINDS
    assert all(found[kind, split] for kind in KINDS for split in ("train", "template-test")), found
    assert len({one.id for one in made}) == len(made)


def test_held_out_wordings_never_come_in_training(made: tuple[Instruction, ...]) -> None:
    for one in made:
        (text,) = [q for q in topics()[_asks(one)].questions if _matches(q.text, one.question)]
        assert text.held_out == (one.split == "template-test")


def _asks(one: Instruction) -> str:
    return "diagnosis.mpox" if one.topic == "unusable" else f"{one.kind}.{one.topic}"


def _matches(template: str, question: str) -> bool:
    return re.fullmatch(re.escape(template).replace(r"\{answer\}", ".+"), question) is not None


def test_answers_are_short_and_filled_in(made: tuple[Instruction, ...]) -> None:
    assert all(0 < len(one.answer.split()) <= 40 for one in made)
    assert not any("{" in one.answer + one.question or "_" in one.answer for one in made)


def test_a_diagnosis_says_the_label(made: tuple[Instruction, ...], photographs: Manifest) -> None:
    label = {record.sha256: record.label for record in photographs.records}
    diagnoses = [one for one in made if one.kind == "diagnosis"]
    assert Counter(one.sha256 for one in diagnoses) == {
        record.sha256: 3 for record in photographs.records if not photographs.flags.get(record.sha256)
    }
    for one in diagnoses:
        assert one.answer.startswith("Yes") == (label[one.sha256] == "mpox")
        if label[one.sha256] in ("chickenpox", "measles"):
            assert label[one.sha256] in one.answer
    (odd, *_) = [one for one in diagnoses if one.label == "hand_foot_mouth"]
    assert "hand foot mouth" in odd.answer
    assert (odd.history, odd.posterior, odd.simulated) == ("", None, False)


def test_a_doubted_label_is_not_learned(made: tuple[Instruction, ...], photographs: Manifest) -> None:
    assert not photographs.flags.keys() & {one.sha256 for one in made}


def test_a_history_is_that_of_its_seed_and_its_posterior_is_exact(
    made: tuple[Instruction, ...], photographs: Manifest
) -> None:
    frequencies = load_frequencies()
    source = Source.of(photographs, frequencies, "2022")
    assert source.prior == dict.fromkeys(frequencies.diseases, 1 / len(frequencies.diseases))
    with_history = [one for one in made if one.history]
    assert any(one.kind == "diagnosis" and not one.history and one.label == "mpox" for one in made)
    assert len(with_history) > 60
    for one in with_history:
        info = parse_history(json.loads(one.info))
        assert one.simulated
        assert one.vignette_seed is not None
        assert info == told(one.disease, one.vignette_seed, source).info
        assert one.disease == one.label or one.label in ("phantom", "no skin")
        assert one.history in {history_text(info, wording) for wording in range(len(WORDINGS))}
        assert one.posterior == posterior(info, source.prior, frequencies, "2022")["mpox"]
    assert not any(one.simulated for one in made if not one.history)


def test_an_effect_is_that_of_bayes(made: tuple[Instruction, ...], photographs: Manifest) -> None:
    source = Source.of(photographs, load_frequencies(), "2022")
    effects = [one for one in made if one.kind == "effect"]
    said = {case: set(wordings) for case, wordings in topics()["effect.answer"].answers.items()}
    found = Counter()
    for one in effects:
        info = parse_history(json.loads(one.info))
        (field,) = [f for f, v in answers(info) if f'"{phrase(f, v, WORDINGS.index("telegram"))}"' in one.question]
        before, after = source.chance(replace(info, **{field: None})), source.chance(info)
        assert before is not None
        assert after is not None
        (case,) = [case for case, wordings in said.items() if one.answer in wordings]
        found[case] += 1
        ratio = after / (1 - after) / (before / (1 - before))
        assert {"more": ratio >= 1.25, "less": ratio <= 0.8, "none": 1 / 1.05 <= ratio <= 1.05}[case]
    assert set(found) == {"more", "less", "none"}


@pytest.mark.parametrize(
    ("info", "field", "case"),
    [
        (ClinicalInfo(anogenital_lesions=True), "anogenital_lesions", "more"),
        (ClinicalInfo(anogenital_lesions=True, itch=True), "itch", "less"),
        (ClinicalInfo(acute_rash=False), "acute_rash", "less"),
    ],
)
def test_the_direction_of_plain_answers(info: ClinicalInfo, field: str, case: str, photographs: Manifest) -> None:
    assert change(info, field, Source.of(photographs, load_frequencies(), "2022")) == case


def test_one_picture_is_asked_the_same_whatever_else_is_in_the_set(
    made: tuple[Instruction, ...], photographs: Manifest
) -> None:
    fewer = [record for record in photographs.records if not record.path.endswith(("/0.jpg", "/1.jpg"))]
    again = instructions(replace(photographs, records=tuple(fewer)), Settings(phantoms=10, per_photo=3)).records
    known = {one.id: one for one in made}
    assert all(known[one.id] == one for one in again)
    other = instructions(replace(photographs, records=tuple(fewer)), Settings(phantoms=10, per_photo=3, seed=8)).records
    assert not {one.sha256 for one in other if one.label == "phantom"} & {one.sha256 for one in made}


# --- what is drawn and damaged


def _phantom(*lesions: Lesion) -> Phantom:
    return Phantom(np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.bool_), lesions, 0.0, 0)


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([(20, 30)], ("upper left",)),
        ([(80, 30), (20, 90)], ("upper right", "lower left")),
        ([(48, 30)], ()),  # it reaches over the middle
        ([(48, 30), (60, 20)], ("upper left", "upper right")),
        ([], ()),
    ],
)
def test_quarters(places: list[tuple[float, float]], found: tuple[str, ...]) -> None:
    assert quarters(_phantom(*(Lesion(x, y, 4.0, "crust") for x, y in places))) == found


def test_bands_of_counts() -> None:
    assert [count_band(n) for n in (1, 2, 4, 5, 9, 10, 24)] == [
        "",
        *["a few (2 to 4)"] * 2,
        *["several (5 to 9)"] * 2,
        *["many (10 or more)"] * 2,
    ]


def test_descriptions_are_true_of_the_phantom(made: tuple[Instruction, ...]) -> None:
    about = {one.sha256: phantom_of(int(one.sha256.split(":")[1])) for one in made if one.kind == "description"}
    assert {len(phantom.lesions) for phantom in about.values()} >= {0, 1}
    for one in (one for one in made if one.kind == "description"):
        lesions = about[one.sha256].lesions
        if one.topic == "count" and len(lesions) > 1:
            low, high = (int(n) for n in ([*re.findall(r"\d+", one.answer), "999"])[:2])
            assert low <= len(lesions) <= high
        if one.topic == "stage" and lesions:
            named = set(re.findall(r"macule|papule|vesicle|pustule|crust", one.answer))
            assert named == {lesions[0].stage}
            assert (f"{lesions[0].stage}s" in one.answer) == (len(lesions) > 1)
        if one.topic == "place" and lesions:
            here = {f"{'upper' if o.y < 112 else 'lower'} {'left' if o.x < 112 else 'right'}" for o in lesions}
            said = set(re.findall(r"(?:upper|lower) (?:left|right)", one.answer))
            assert said == (here if len(here) < 4 else set())
            assert ("quarters" in one.answer) == (len(here) > 1) or "every quarter" in one.answer
        if one.topic != "tone" and not lesions:
            assert re.search(r"no spots|bare", one.answer)
        if one.topic == "tone":
            angle = about[one.sha256].tone
            assert ("light" if angle >= 28 else "intermediate" if angle >= 0 else "dark") in one.answer


def test_nothing_is_described_that_nobody_labelled(made: tuple[Instruction, ...]) -> None:
    assert all(one.sha256.startswith("phantom:") for one in made if one.kind == "description")


def test_damage_is_what_the_gate_calls_it(made: tuple[Instruction, ...], photographs: Manifest) -> None:
    codes = {"blur": "blurred", "light": "too_dark", "size": "too_small"}
    altered = [one for one in made if one.altered]
    assert {one.altered.split()[0] for one in altered} == set(codes)
    for one in altered:
        pixels = pixels_of(one.sha256, one.altered, photographs.paths)
        assert codes[one.altered.split()[0]] in {reason.code for reason in gate(pixels).reasons}
    for one in made:
        if one.kind == "quality" and not one.altered:
            assert gate(pixels_of(one.sha256, "", photographs.paths)).usable


def test_damage_is_as_strong_as_the_gate_needs_it() -> None:
    stripes = np.zeros((400, 300, 3), np.uint8)
    stripes[:, ::2] = 255
    assert damaged(stripes, "dark") == "light -6.5"  # white at -5 stops is level 50, above the gate's line of 40
    assert damaged(stripes // 2, "dark") == "light -3.5"
    assert damaged(stripes, "small") == "size 64"
    assert alter(stripes, "size 64").shape == (85, 64, 3)
    assert alter(stripes, "") is stripes
    for wrong in ("smear 2", "blur", "blur 1e9", "size -"):
        with pytest.raises(DataError, match="no such alteration"):
            alter(stripes, wrong)


def test_every_reference_gives_its_picture_and_others_are_refused(
    made: tuple[Instruction, ...], photographs: Manifest
) -> None:
    for reference in {one.sha256 for one in made if one.sha256.startswith("made:")}:
        pixels = pixels_of(reference, "", {})
        assert pixels.dtype == np.uint8
        assert (pixels == pixels_of(reference, "", {})).all()
    for wrong in ("phantom:x", "made:palace:1", "0" * 64):
        with pytest.raises(DataError, match="nothing that is drawn"):
            pixels_of(wrong, "", photographs.paths)


# --- files


def _run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(vlm, ["instructions", *map(str, words)])
    return done.exit_code, str(done.exception or "") + done.output


def test_the_command_writes_what_can_be_read_again(work: Workspace, tmp_path: Path) -> None:
    code, told_ = _run("--data", work.path, "--out", tmp_path / "out", "--phantoms", 6, "--per-photo", 1)
    assert code == 0, told_
    records = read_instructions(tmp_path / "out" / "instructions.parquet")
    manifest = work.clean()
    assert records == instructions(manifest, Settings(phantoms=6, per_photo=1)).records
    held = {path.name for path in (tmp_path / "out").iterdir()}
    assert held == {"instructions.parquet", "llava-train.json", "llava-template-test.json", "croissant.json"}
    for split in ("train", "template-test"):
        chats = json.loads((tmp_path / "out" / f"llava-{split}.json").read_text(encoding="utf-8"))
        assert chats == [llava(one) for one in records if one.split == split]
    assert parquet.read_metadata(tmp_path / "out" / "instructions.parquet").num_columns == len(fields(Instruction))


def test_a_record_as_llava_reads_it() -> None:
    one = Instruction(
        *("a-1", "ab" * 32, "g", "mpox", "diagnosis", "mpox", "train", "Is this mpox?", "No fever.", "Yes, it is."),
        *('{"fever": false}', 0.4, True),
    )
    assert llava(one) == {
        "id": "a-1",
        "image": "ab" * 32,
        "conversations": [
            {"from": "human", "value": "<image>\nNo fever.\nIs this mpox?"},
            {"from": "gpt", "value": "Yes, it is."},
        ],
        "kind": "diagnosis",
        "cluster": "g",
        "label": "mpox",
        "simulated_history": True,
    }
    bare = llava(replace(one, history="", altered="blur 2.5"))
    assert bare["image"] == "ab" * 32 + "#blur 2.5"
    assert bare["conversations"][0]["value"] == "<image>\nIs this mpox?"


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated")
def test_croissant_is_read_by_the_real_reader(work: Workspace, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    assert _run("--data", work.path, "--out", tmp_path / "out", "--phantoms", 2, "--per-photo", 1)[0] == 0
    document = mlcroissant.Dataset(jsonld=tmp_path / "out" / "croissant.json")
    assert (set(document.metadata.ctx.issues.errors), set(document.metadata.ctx.issues.warnings)) == (set(), set())
    read = list(document.records("instructions"))
    (first, *_) = records = read_instructions(tmp_path / "out" / "instructions.parquet")
    assert len(read) == len(records)
    assert read[0]["instructions/question"].decode() == first.question
    assert set(read[0]) == {f"instructions/{name}" for name in asdict(first)}
    assert "all histories are simulated" in document.metadata.description


def test_mistakes_are_one_line(work: Workspace, photographs: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "no such table yet; mpoxlens data ingest" in _run("--data", tmp_path / "none", "--out", out)[1]
    assert "lies among the photographs" in _run("--data", work.path, "--out", photographs.root / "out")[1]
    assert "give one of 2022" in _run("--data", work.path, "--out", out, "--profile", "1999")[1]
    work_without = Workspace(tmp_path / "ws")
    work_without.path.mkdir()
    work_without.table("manifest").write_bytes(work.table("manifest").read_bytes())
    assert "first: mpoxlens data apply" in _run("--data", work_without.path, "--out", out)[1]
    assert not out.exists()


def test_a_photograph_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    records: list[ImageRecord] = [hand_made.photograph(tmp_path / "photos", f"mpox/{n}.jpg", n) for n in range(2)]
    (tmp_path / "photos" / records[0].path).write_bytes(b"no photo any more")
    work = hand_made.workspace(tmp_path / "ws", tmp_path / "photos", records)
    code, text = _run("--data", work.path, "--out", tmp_path / "out", "--phantoms", 0, "--per-photo", 1)
    assert code == 1
    assert "1 photograph could not be read and was left out" in text
    assert records[0].path in (tmp_path / "out" / "problems.csv").read_text(encoding="utf-8")
    asked = read_instructions(tmp_path / "out" / "instructions.parquet")
    assert {one.sha256 for one in asked} == {records[1].sha256}


def test_no_pixels_leave_with_the_set(work: Workspace, tmp_path: Path) -> None:
    assert _run("--data", work.path, "--out", tmp_path / "out", "--phantoms", 2, "--per-photo", 1)[0] == 0
    for path in (tmp_path / "out").iterdir():
        with pytest.raises(OSError, match="cannot identify"):
            Image.open(path)
