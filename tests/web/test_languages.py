"""Every language says all that English says, with the same placeholders, and English can be read by a child of 12."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening import case_definition, likelihood
from mpoxlens.screening.questions import questions

FOLDER = Path(__file__).parents[2] / "web/src/i18n"
DRAFT = "machine-drafted, needs review by a speaker"
# The plural forms of whole numbers (Unicode CLDR, plural rules); French, Spanish and Portuguese have one for millions.
PLURALS = {
    "fr": ("one", "many", "other"),
    "es": ("one", "many", "other"),
    "pt": ("one", "many", "other"),
    "ar": ("zero", "one", "two", "few", "many", "other"),
    "sw": ("one", "other"),
    "ln": ("one", "other"),
}


def texts(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return found


ENGLISH = texts("en")
STEMS = {key.removesuffix(".other") for key in ENGLISH if key.endswith(".other") and f"{key[:-6]}.one" in ENGLISH}


def expected(language: str) -> set[str]:
    plural = {f"{stem}.{form}" for stem in STEMS for form in PLURALS[language]}
    single = {key for key in ENGLISH if key.rpartition(".")[0] not in STEMS}
    return {"_status"} | plural | single


def english_of(key: str) -> str:
    stem = key.rpartition(".")[0]
    return ENGLISH[f"{stem}.other" if stem in STEMS else key]


def holes(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{(\w+)\}", text)))


@pytest.mark.parametrize("language", PLURALS)
def test_no_key_is_missing_and_none_is_left_over(language: str) -> None:
    found = set(texts(language))
    assert sorted(expected(language) - found) == []
    assert sorted(found - expected(language)) == []


@pytest.mark.parametrize("language", PLURALS)
def test_placeholders_are_those_of_english(language: str) -> None:
    for key, text in texts(language).items():
        if key == "_status":
            continue
        wanted = holes(english_of(key))
        # "one spot" and "two spots" may be words of their own
        if key.rpartition(".")[2] in ("zero", "one", "two") and key.rpartition(".")[0] in STEMS:
            assert set(holes(text)) | {"n"} == set(wanted) | {"n"}, key
        else:
            assert holes(text) == wanted, key


@pytest.mark.parametrize("language", PLURALS)
def test_every_draft_says_that_it_is_one(language: str) -> None:
    assert texts(language)["_status"] == DRAFT


@pytest.mark.parametrize("language", PLURALS)
def test_nothing_is_left_in_english_or_empty(language: str) -> None:
    found = texts(language)
    untouched = [
        key for key, text in found.items() if key in ENGLISH and len(text.split()) > 3 and text == ENGLISH[key]
    ]
    assert untouched == []
    assert [key for key, text in found.items() if text != text.strip() or not text] == []


def test_arabic_is_written_in_arabic() -> None:
    letters = re.compile(r"[؀-ۿ]")
    plain = [
        k
        for k, v in texts("ar").items()
        if k != "_status" and not letters.search(v) and re.search("[a-z]{3}", holeless(v))
    ]
    assert plain == []


def holeless(text: str) -> str:
    return re.sub(r"\{\w+\}", "", text).replace("mpox", "").replace("mpoxlens", "")


def test_arabic_calls_it_mpox_and_names_the_old_word_only_beside_it() -> None:
    assert [key for key, text in texts("ar").items() if "القردة" in text.replace("إمبوكس (جدري القردة)", "")] == []


@pytest.mark.parametrize("language", ["sw", "ln"])
def test_the_line_is_named_by_what_only_likely_says(language: str) -> None:
    found = texts(language)
    for key in ("ui.result.bar", "ui.result.key.line", "decision.reason.low_line.text", "takeaway.clinician.line"):
        (name,) = re.findall(r"[“«]\s*(.+?)\s*[”»]", found[key])
        assert set(name.split()) <= set(found["decision.likely"].split()), key
        assert not set(name.split()) <= set(found["decision.unlikely"].split()), key


def test_the_questions_are_those_of_the_clinic() -> None:
    for question in questions():
        assert ENGLISH[f"question.{question.field}.text"] == question.text
        assert ENGLISH[f"question.{question.field}.why"] == question.why


def test_criteria_and_findings_have_their_names() -> None:
    names = {text for key, text in ENGLISH.items() if key.startswith("decision.criterion.")}
    assert names == {criterion.name for criterion in case_definition.suspected_case(ClinicalInfo())[1]}
    for finding in likelihood.load_table().findings:
        assert ENGLISH[f"decision.finding.{'+'.join(finding.all_of)}"] == finding.name


def test_english_is_for_readers_of_twelve() -> None:
    """Flesch-Kincaid grade (Kincaid et al. 1975) at most 6, the grade of readers of 11 to 12."""
    sentences = [
        s for key, text in ENGLISH.items() for s in sentences_of(text) if len(s) > 3 and not key.startswith("_")
    ]
    words = [word for sentence in sentences for word in sentence]
    mean = len(words) / len(sentences)
    grade = 0.39 * mean + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
    assert len(sentences) > 150
    assert mean <= 12
    assert grade <= 6
    assert [" ".join(s) for s in sentences if len(s) > 28] == []


def test_the_grade_is_counted_right() -> None:
    assert [syllables(word) for word in ("spot", "fever", "take", "clinician", "people", "little")] == [
        1,
        2,
        1,
        4,
        2,
        2,
    ]
    assert sentences_of("See a clinician. Stay warm: {n} %!") == [["See", "a", "clinician"], ["Stay", "warm"]]


def sentences_of(text: str) -> list[list[str]]:
    plain = re.sub(r"\{\w+\}|\([^)]*\)", " ", text)
    return [words for part in re.split(r"[.!?;:](?:\s|$)", plain) if (words := re.findall(r"[A-Za-z'-]+", part))]


def syllables(word: str) -> int:
    """Groups of vowels, less a silent e at the end; i before a vowel begins one of its own, as in "cli-ni-ci-an"."""
    low = word.lower()
    groups = re.findall(r"[aeiouy]+", low)
    count = len(groups) + len(re.findall(r"i(?=a)|eo(?!p)", low))
    silent = low.endswith("e") and not low.endswith("le") and count > 1
    return max(1, count - silent)
