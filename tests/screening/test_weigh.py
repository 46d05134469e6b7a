"""Weighing the history: the WHO definition, the likelihood ratios, and their laws."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.errors import HistoryError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.case_definition import all_of, any_of, suspected_case
from mpoxlens.screening.history import load_table, weigh
from mpoxlens.screening.likelihood import Finding, Table, update

TABLE = load_table()
YES_NO = [f.name for f in fields(ClinicalInfo) if "bool" in str(f.type)]
infos = st.builds(ClinicalInfo, **{name: st.sampled_from([None, True, False]) for name in YES_NO})


@pytest.mark.parametrize(
    ("info", "met"),
    [
        (ClinicalInfo(), None),
        (ClinicalInfo(acute_rash=True), True),
        (ClinicalInfo(proctitis=True), True),
        (ClinicalInfo(inguinal_nodes=True), True),
        (ClinicalInfo(contact_21_days=True), None),
        (ClinicalInfo(contact_21_days=True, headache=True), True),
        (ClinicalInfo(contact_21_days=True, fever_celsius=38.6), True),
        (ClinicalInfo(contact_21_days=True, fever_celsius=38.5), None),
        (ClinicalInfo(contact_21_days=True, fever=True), None),  # nobody measured whether above 38.5
        (ClinicalInfo(contact_21_days=False, headache=True), None),
    ],
)
def test_suspected_case(info: ClinicalInfo, met: bool | None) -> None:
    assert weigh(info, TABLE).suspected_case is met


def test_all_denied_is_no_suspected_case() -> None:
    skin = ("acute_rash", "mucosal_lesions", "anogenital_lesions", "proctitis", "lymphadenopathy", "contact_21_days")
    denied = ClinicalInfo(**dict.fromkeys(skin, False))  # type: ignore[arg-type]
    met, criteria = suspected_case(denied)
    assert met is False
    assert [c.met for c in criteria] == [False, None, None, None, None, None, False, False, False]


def test_kleene() -> None:
    assert [any_of(v) for v in ([True, None], [False, None], [False, False], [])] == [True, None, False, False]
    assert [all_of(v) for v in ([True, None], [False, None], [True, True], [])] == [None, False, True, True]


def test_ratios_by_hand() -> None:
    found = weigh(ClinicalInfo(contact_21_days=True, inguinal_nodes=False), TABLE)
    assert [(e.finding, e.answer) for e in found.evidence] == [
        ("contact with a probable or confirmed case within 21 days", True),
        ("swollen nodes in the groin", False),
    ]
    assert [e.likelihood_ratio for e in found.evidence] == pytest.approx([math.sqrt(4.02), math.sqrt(0.67)])
    assert found.likelihood_ratio == pytest.approx(math.sqrt(4.02 * 0.67))
    assert found.answered == 2


def test_one_finding_of_a_group_counts_and_yes_goes_before_no() -> None:
    both = weigh(ClinicalInfo(contact_21_days=True, intimate_contact_21_days=True), TABLE)
    assert both.likelihood_ratio == pytest.approx(math.sqrt(4.02))
    mixed = weigh(ClinicalInfo(pustules=True, palms_and_soles=False), TABLE)
    assert [e.finding for e in mixed.evidence] == ["pustules"]


def test_a_no_to_a_sensitive_question_counts_for_nothing() -> None:
    assert weigh(ClinicalInfo(sex_with_men=False, hiv=False, intimate_contact_21_days=False), TABLE).evidence == ()


def test_crops_of_lesions_are_not_at_one_stage() -> None:
    assert weigh(ClinicalInfo(crops_of_lesions=True), TABLE).likelihood_ratio == pytest.approx(math.sqrt(0.59))


def test_the_total_is_capped_and_its_parts_still_multiply_to_it() -> None:
    strong = Table(1.0, 5.0, 0.5, tuple(Finding(n, (n,), n, 4.0, 0.1, "test") for n in ("fever", "itch")))
    up, ratio = update(ClinicalInfo(fever=True, itch=True), strong)
    assert ratio == pytest.approx(5.0)
    assert [e.likelihood_ratio for e in up] == pytest.approx([math.sqrt(5)] * 2)
    assert update(ClinicalInfo(fever=False, itch=False), strong)[1] == pytest.approx(0.5)


@given(infos)
def test_parts_multiply_to_the_total_within_its_bounds(info: ClinicalInfo) -> None:
    found = weigh(info, TABLE)
    assert math.prod(e.likelihood_ratio for e in found.evidence) == pytest.approx(found.likelihood_ratio)
    assert TABLE.least - 1e-9 <= found.likelihood_ratio <= TABLE.most + 1e-9


@given(st.sampled_from([name for name in YES_NO if name not in str([f.all_of for f in TABLE.findings])]), infos)
def test_answers_outside_the_table_move_nothing(name: str, info: ClinicalInfo) -> None:
    if name == "crops_of_lesions":
        return  # it implies an answer that is in the table
    ratios = {weigh(replace(info, **{name: value}), TABLE).likelihood_ratio for value in (None, True, False)}
    assert len(ratios) == 1


@given(infos, st.sampled_from(sorted({name for f in TABLE.findings for name in f.all_of})))
def test_more_evidence_for_mpox_never_lowers_the_ratio(info: ClinicalInfo, name: str) -> None:
    no, unknown, yes = (weigh(replace(info, **{name: value}), TABLE).likelihood_ratio for value in (False, None, True))
    assert no <= unknown + 1e-12
    assert unknown <= yes + 1e-12


@given(infos, st.permutations(TABLE.findings))
def test_the_order_of_the_table_does_not_matter(info: ClinicalInfo, findings: list[Finding]) -> None:
    assert update(info, replace(TABLE, findings=tuple(findings)))[1] == pytest.approx(update(info, TABLE)[1])


def test_nothing_known_is_nothing_weighed() -> None:
    found = weigh(ClinicalInfo(), TABLE)
    assert (found.likelihood_ratio, found.evidence, found.answered) == (1.0, (), 0)


HEAD = "[settings]\nweight = 0.5\nmost = 5\nleast = 0.5\n"
ROW = '[[finding]]\nname = "n"\nall_of = ["fever"]\ngroup = "g"\nlr_yes = 2\nlr_no = 0.9\nsource = "s"\n'
SHIPPED = "compare with the shipped likelihood_ratios.toml"
BAD_TABLES = {
    HEAD.replace("0.5\nmost", "2\nmost") + ROW: f"settings: weight is 2: it must be a number from 0 to 1; {SHIPPED}",
    HEAD + ROW.replace("lr_yes", "lr_yse"): "finding 'n': lr_yse: no such entry; did you mean lr_yes?",
    HEAD + ROW.replace("= 2", "= -2"): f"finding 'n': lr_yes is -2: it must be a number from 0.01 to 100; {SHIPPED}",
    HEAD + ROW.replace("= 2", "= nan"): f"finding 'n': lr_yes is nan: it must be a number from 0.01 to 100; {SHIPPED}",
    HEAD
    + ROW.replace("= 2", "= true"): f"finding 'n': lr_yes is True: it must be a number from 0.01 to 100; {SHIPPED}",
    HEAD
    + ROW.replace('"fever"', '"fevr"'): f"finding 'n': all_of is ['fevr']: it must list yes/no questions; {SHIPPED}",
    HEAD + ROW.replace('"fever"', '"age"'): f"finding 'n': all_of is ['age']: it must list yes/no questions; {SHIPPED}",
    HEAD + ROW.replace('"s"', '""'): (
        f"finding 'n': source: it must be a text, and no number goes without its source; {SHIPPED}"
    ),
    HEAD + ROW + ROW: f"finding 'n': it stands there twice; {SHIPPED}",
    ROW: f"it needs a [settings] table and [[finding]] entries; {SHIPPED}",
    "x = ": f"not TOML (Invalid value (at end of document)); {SHIPPED}",
}


@pytest.mark.parametrize("text", BAD_TABLES, ids=range(len(BAD_TABLES)))
def test_bad_tables_name_file_and_entry(text: str, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(HistoryError) as caught:
        load_table(path)
    assert str(caught.value) == f"{path}: {BAD_TABLES[text]}"


def test_a_site_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(HEAD + ROW)
    assert weigh(ClinicalInfo(fever=True), load_table(path)).likelihood_ratio == pytest.approx(math.sqrt(2))
    with pytest.raises(HistoryError, match="cannot be read"):
        load_table(tmp_path / "no.toml")
