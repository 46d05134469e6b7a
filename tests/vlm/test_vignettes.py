"""Simulated histories: what implies what, what is left out, and the table they come from."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpoxlens.errors import DataError, HistoryError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.history import check_info
from mpoxlens.vision.recipe import DataRecipe
from mpoxlens.vlm import frequencies as module
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.frequency_rows import BANDS, GIVEN
from mpoxlens.vlm.lesion_counts import pustule_share, read_counts, size_shares
from mpoxlens.vlm.scales import LESIONS, SCALES, TENTHS, Scale, temperature_mass, temperature_masses
from mpoxlens.vlm.vignettes import ACCEPTED, CONTRADICTIONS, Vignette, from_seed, simulate
from real import SHARED

TABLE = load_frequencies()
TEXT = (Path(module.__file__).parent / "frequencies.toml").read_text("utf-8")
DRC = SHARED.parent / "clinical" / "drc_lesion_counts_by_day.csv"
CROPS = 'yes = 0.75\nsource = "narrative"\nassumption = "crops of lesions"\nrange = [0.6, 0.9]'
DAYS_OF_BANDS = (range(6), range(6, 11), range(11, 366))

diseases = st.sampled_from(TABLE.diseases)
profiles = st.sampled_from(sorted(TABLE.profiles))
seeds = st.integers(0, 2**32 - 1)


def test_the_diseases_are_the_labels_of_the_classifier() -> None:
    assert TABLE.diseases == DataRecipe().labels
    assert sorted(GIVEN) == sorted(f.name for f in fields(ClinicalInfo))


@given(diseases, profiles, seeds)
@settings(max_examples=100, deadline=None)
def test_a_whole_history_is_possible(disease: str, profile: str, seed: int) -> None:
    info = from_seed(disease, seed, TABLE, profile=profile, unknown=0).info
    check_info(info)  # what a clinic would refuse never comes out
    assert info.age is not None
    for not_asked in (info.sex_with_men, info.hiv, info.intimate_contact_21_days):
        assert (not_asked is None) == (info.age < 18)
    assert info.lymphadenopathy or not info.inguinal_nodes
    assert info.fever or not info.fever_before_rash
    assert info.fever_celsius is not None
    assert info.fever or info.fever_celsius <= 38.5
    assert (info.lesion_count == 0) == (info.acute_rash is False)
    assert not (info.monomorphic and info.crops_of_lesions)
    assert info.lesion_count != 1 or not (info.crops_of_lesions or info.palms_and_soles)
    assert disease != "healthy" or not info.acute_rash


@given(diseases, seeds, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_seed_repeats_its_vignette(disease: str, seed: int, unknown: float, noise: float, contradict: float) -> None:
    first = simulate(disease, np.random.default_rng(seed), TABLE, unknown=unknown, noise=noise, contradict=contradict)
    again = from_seed(disease, first.seed, TABLE, unknown=unknown, noise=noise, contradict=contradict)
    assert first == again
    for name, value in asdict(first.info).items():
        assert value is None or type(value) in (bool, int, float), name


def test_unknown_is_the_rate_of_gaps_and_sensitive_questions_have_more() -> None:
    infos = [from_seed("mpox", seed, TABLE, unknown=0.3).info for seed in range(600)]
    assert np.mean([info.headache is None for info in infos]) == pytest.approx(0.3, abs=0.06)  # 3 s.e.
    grown = [info for info in infos if info.age is not None and info.age >= 18]
    assert np.mean([info.hiv is None for info in grown]) == pytest.approx(0.6, abs=0.08)
    assert from_seed("measles", 1, TABLE, unknown=1).info == ClinicalInfo()


def test_noise_takes_answers_from_everyone() -> None:
    """With noise 1 an answer no longer depends on the disease: P(headache) is the mean over the four."""
    expected = np.mean([TABLE.law(d, "2022").yes("headache") for d in TABLE.diseases])
    answers = [from_seed("healthy", seed, TABLE, unknown=0, noise=1).info.headache for seed in range(150)]
    assert np.mean(answers) == pytest.approx(expected, abs=0.11)  # 3 s.e.


def test_contradictions_are_put_in_and_known() -> None:
    drawn = [from_seed("mpox", seed, TABLE, contradict=1) for seed in range(120)]
    assert {vignette.contradiction for vignette in drawn} == set(CONTRADICTIONS)
    for vignette in drawn:
        for name, value in CONTRADICTIONS[vignette.contradiction].items():
            assert getattr(vignette.info, name) == value


@pytest.mark.parametrize("name", sorted(CONTRADICTIONS))
def test_what_a_clinic_says_to_each_contradiction(name: str) -> None:
    info = ClinicalInfo(**CONTRADICTIONS[name])
    if name in ACCEPTED:
        assert check_info(info) == info
    else:
        with pytest.raises(HistoryError, match="they contradict each other"):
            check_info(info)


def test_each_number_has_a_source_or_an_assumption_with_a_range() -> None:
    for row in TABLE.rows:
        assert row.source or row.assumption, row
        assert bool(row.ranges) >= bool(row.assumption), row
        for value, (low, high) in zip(row.values, row.ranges, strict=False):
            assert low <= value <= high, row


@pytest.mark.parametrize(
    ("field", "condition", "ratio"),
    [
        ("sex_with_men", "adult", 11.52),
        ("hiv", "adult", 3.04),
        ("intimate_contact_21_days", "adult", 4.02),
        ("proctitis", "", 6.54),
    ],
)
def test_figures_derived_from_an_odds_ratio_have_it(field: str, condition: str, ratio: float) -> None:
    mpox, other = (TABLE.law(d, "2022").yes(field, condition) for d in ("mpox", "chickenpox"))
    assert mpox / (1 - mpox) * (1 - other) / other == pytest.approx(ratio, rel=0.01)


def test_figures_that_were_divided_multiply_to_the_source() -> None:
    law = TABLE.law("mpox", "2022")
    assert law.yes("anogenital_lesions", "rash") * law.yes("acute_rash") == pytest.approx(0.657, abs=0.001)
    assert law.yes("inguinal_nodes", "lymphadenopathy") * law.yes("lymphadenopathy") == pytest.approx(0.468, abs=0.001)
    shares = law.values("lesion_count", BANDS[0])
    assert (LESIONS.share(shares, 1, 4), LESIONS.share(shares, 1, 9)) == pytest.approx((0.39, 0.64))
    law = TABLE.law("mpox", "endemic")
    palms = law.yes("palms_and_soles", "5 lesions or more")
    assert palms * law.yes("monomorphic", "palms and soles") == pytest.approx(0.5, abs=0.001)
    law = TABLE.law("chickenpox", "endemic")
    palms = law.yes("palms_and_soles", "5 lesions or more")
    assert palms * law.yes("monomorphic", "palms and soles") == pytest.approx(0.15)  # specificity 85 %


@pytest.mark.real_data
@pytest.mark.skipif(not DRC.exists(), reason="the shared clinical tables are not on this machine")
def test_endemic_counts_are_those_of_the_shared_table() -> None:
    counts = read_counts(DRC)
    law = TABLE.law("mpox", "endemic")
    for band, days in zip(BANDS, DAYS_OF_BANDS, strict=True):
        assert law.values("lesion_count", band) == pytest.approx(size_shares(counts, days, LESIONS.lows), abs=0.002)
        assert law.yes("pustules", band) == pytest.approx(pustule_share(counts, days), abs=0.006)


def test_lesion_counts_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    lines = "\n".join(["a,1,3,phase1", "a,1,4,phase3", "a,2,2,phase4", "b,1,0,phase1", "b,2,1,phase1"])
    path.write_text(f"PATNO,onset.day,obs,type\n{lines}\n", "utf-8")
    counts = read_counts(path)
    assert counts["a", 1] == (3, 0, 4, 0)
    assert size_shares(counts, range(3), (1, 5)) == pytest.approx((2 / 3, 1 / 3))  # 7, 2 and 1; b on day 1 has none
    assert pustule_share(counts, range(3)) == pytest.approx(1 / 3)
    path.write_text("PATNO,onset.day\na,1\n", "utf-8")
    with pytest.raises(DataError, match="not a table of lesion counts"):
        read_counts(path)


@pytest.mark.parametrize("scale", [*SCALES.values(), Scale((2, 5), 9, log=True)])
def test_a_scale_draws_as_its_masses_say(scale: Scale) -> None:
    k = len(scale.lows)
    shares = tuple(float(n) for n in np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    assert scale.share(shares, -5, 10**6) == pytest.approx(1)
    rng = np.random.default_rng(3)
    drawn = np.array([scale.draw(shares, rng) for _ in range(3000)])
    assert scale.lows[0] <= drawn.min() <= drawn.max() <= scale.last
    for first, last in (
        (scale.lows[0], scale.lows[1]),
        (scale.lows[-1], scale.lows[-1] + 1),
        (scale.lows[1], scale.last // 2),
    ):
        p = scale.share(shares, first, last)
        assert np.mean((drawn >= first) & (drawn <= last)) == pytest.approx(
            p, abs=4 * np.sqrt(p * (1 - p) / 3000)
        )  # 12 looks


def test_scales_by_hand() -> None:
    even = Scale((0, 4), 9)
    assert even.share((0.4, 0.6), 3, 3) == pytest.approx(0.1)
    assert even.share((0.4, 0.6), 3, 5) == pytest.approx(0.1 + 0.2)
    log = Scale((1,), 3, log=True)
    assert log.share((1.0,), 1, 1) == pytest.approx(0.5)  # log 2 / log 4
    masses = temperature_masses(36.8, 0.35, 38.5)
    assert masses.sum() == pytest.approx(1)
    assert masses[np.flatnonzero(TENTHS > 385)].max() == 0
    assert TENTHS[masses.argmax()] == 368
    assert temperature_mass(50.0, masses) == temperature_mass(20.0, masses) == 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('diseases = ["mpox", "chickenpox", "measles", "healthy"]', "", "a list of diseases"),
        ("yes = 0.584", "yes = 1.584", "no probability"),
        ("yes = 0.584", "yes = nan", "no probability"),
        ("yes = 0.584", "yes = true", "`yes`"),
        ("yes = 0.584", "", "`yes`"),
        ('yes = 0.584\nsource = "pooled"', "yes = 0.584", "without a source"),
        ('yes = 0.584\nsource = "pooled"', 'yes = 0.584\nsource = "hearsay"', "does not stand in"),
        ('yes = 0.584\nsource = "pooled"', 'yes = 0.584\nassumption = "so"', "an assumption needs"),
        ("yes = 0.85\n", "yes = 0.1\n", "outside its range"),
        ('field = "itch"', 'field = "itchy"', "no such question"),
        ('field = "itch"\ngiven = "rash"', 'field = "itch"\ngiven = "rain"', "it must be one of"),
        ('field = "fever"', 'field = "back_pain"', "twice"),
        ('profiles = ["2022"]\nyes = 0.584', 'profiles = ["2023"]\nyes = 0.584', "no such disease or profile"),
        ("values = [0.45, 0.37,", "values = [0.55, 0.37,", "sum to 1"),
        ("values = [38.7, 0.6]", "values = [387, 0.6]", "temperature and spread"),
        (CROPS, CROPS.replace("0.75", "0.95").replace("0.9]", "1.0]"), "exceed 1 together"),
        ("hiv = 2.0", "hiv = 0.5", "a number from 1"),
        ("hiv = 2.0", "colour = 2.0", "give a question"),
        ("range = [1.0, 3.0]", "", "and their range"),
        ("[[row]]", "[[row]", "not TOML"),
        ('source = "drc_counts"', 'source = "drc_counts"\ncolour = 1', "no such entry"),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in TEXT
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(old, new, 1), "utf-8")
    with pytest.raises(DataError, match=r"mine\.toml") as refused:
        load_frequencies(path)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_row_that_is_missing_is_named(tmp_path: Path) -> None:
    start = TEXT.index('[[row]]\nfield = "itch"')
    path = tmp_path / "mine.toml"
    path.write_text(TEXT[:start] + TEXT[TEXT.index("[[row]]", start + 1) :], "utf-8")
    with pytest.raises(DataError, match="itch, rash, mpox, 2022: it is missing"):
        load_frequencies(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_frequencies(tmp_path / "none.toml")
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(DataError, match="larger than 256 kB"):
        load_frequencies(path)


def test_what_the_table_lacks_is_refused() -> None:
    with pytest.raises(DataError, match="disease 'acne'"):
        from_seed("acne", 1, TABLE)
    with pytest.raises(DataError, match="profile '1970'"):
        from_seed("mpox", 1, TABLE, profile="1970")
    with pytest.raises(DataError, match=r"noise is 1\.5"):
        from_seed("mpox", 1, TABLE, noise=1.5)


def test_a_vignette_without_contradiction_says_nothing_of_one() -> None:
    assert Vignette("mpox", ClinicalInfo(), "2022", 1).contradiction == ""
