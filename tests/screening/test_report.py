"""The HTML report: whole or not at all, nothing from outside, nothing unescaped, and the numbers of the screening."""

import base64
import errno
import hashlib
import html
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.photo import decode_photo
from mpoxlens.rules import Conformal
from mpoxlens.schema import (
    INTENDED_USE,
    Classification,
    Criterion,
    Decision,
    Evidence,
    Gate,
    History,
    Interval,
    Photo,
    Provenance,
    Reason,
    Screening,
)
from mpoxlens.screening import report
from mpoxlens.screening.combine import Examined, JointScreening
from mpoxlens.screening.report import effect, hundred, percent, positive_index, undecided, write_report

CONFORMAL = Conformal(alpha=0.1, mpox_from=0.33, other_to=0.58)
HOSTILE = '<script>alert("x")<img src=x onerror=alert(1)>.jpg'


@pytest.fixture
def photo() -> Photo:
    pixels = np.random.default_rng(0).integers(60, 200, (900, 1200, 3), dtype=np.uint8)
    return Photo(pixels, "rash.jpg", "ab" * 32, 1200, 900)


@pytest.fixture
def screening() -> Screening:
    cam = np.zeros((3, 7, 7), np.float32)
    cam[1, 1, 5] = 6.0
    history = History(
        True,
        (Criterion("headache", True), Criterion("back pain", False), Criterion("muscle pain", None)),
        (Evidence("swollen nodes", True, 2.5, "Source A"), Evidence("itch", True, 0.5, "Source B")),
        1.25,
        7,
    )
    return Screening(
        file="somewhere/rash.jpg",
        decision=Decision.LIKELY,
        probability=0.783,
        interval=Interval(0.612, 0.891),
        photo_probability=0.743,
        photo_interval=Interval(0.558, 0.867),
        prediction_set=("mpox",),
        operating_point=0.421,
        reasons=(Reason("photo", "It looks like mpox."),),
        next_step="See a clinician.",
        gate=Gate(True, (), {"skin": 0.8312, "odd_new_measure": 7.0}),
        classification=Classification(
            {"measles": 0.157, "mpox": 0.743, "healthy": 0.1}, cam.mean((1, 2)), cam, np.zeros(4, np.float32), 1.07
        ),
        history=history,
        provenance=Provenance("lite0 1.0", "cd" * 32, "0.1.0", "1.20.1", "ab" * 32),
    )


def written(folder: Path, *pairs: tuple[Screening, Photo], conformal: Conformal | None = CONFORMAL) -> str:
    path = folder / "report.html"
    write_report(pairs, path, conformal=conformal)
    return path.read_text(encoding="utf-8")


def visible(page: str) -> str:
    """Return the page's words with single spaces."""
    bare = re.sub(r"<(style|script)>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_numbers_are_those_of_the_screening(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    words = visible(written(tmp_path, (screening, photo)))
    for shown in (
        "Mpox likely",
        "78 % score for mpox, photo and answers together",
        "likely range 61 % to 89 %",
        "line between unlikely and likely, 42 %",
        "“cannot tell” zone, 33 % to 58 %",
        "To the model this looks like mpox.",
        "Among people like those whose photos the model was tuned on, about 78 of 100 with such a photo",
        "about 78 of 100 with such a photo and such answers have mpox; where mpox is rarer, fewer.",
        "Photo alone: 74 %",
        "Score, photo and answers 0.783 (0.612 to 0.891)",
        "Score, photo alone 0.743 (0.558 to 0.867)",
        "Line between unlikely and likely 0.421",
        "Mpox 74 % Measles 16 % Healthy 10 %",
        "7 questions were answered.",
        "Together the answers make the odds of mpox 1.25 times higher (likelihood ratio 1.25)",
        "Swollen nodes yes 2.5 times higher (likelihood ratio 2.50) Source A",
        "Itch yes 2 times lower (likelihood ratio 0.50) Source B",
        "WHO definition of a suspected case: met",
        "✓ Headache met ✕ Back pain not met ? Muscle pain unknown",
        "Share of the photo that is skin 0.8312",
        "Odd new measure 7",
        "See a clinician.",
        "rash.jpg , 1200 × 900 pixels",
        "cd" * 32,
        "mpoxlens 0.1.0, ONNX Runtime 1.20.1",
        INTENDED_USE,
        "The strongest signs of mpox are at the upper right.",
    ):
        assert shown in words


def test_the_bar_is_drawn_at_the_numbers(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    page = written(tmp_path, (screening, photo))
    assert '<circle class="dot" cx="78.30%"' in page
    assert re.search(r'<rect class="interval" x="61\.20%" y="\d+" width="27\.90%"', page)
    assert '<line class="point" x1="42.10%" x2="42.10%"' in page
    assert re.search(r'<rect x="33\.00%" y="\d+" width="25\.00%"', page)


def test_without_a_conformal_rule_no_zone_is_drawn(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    assert "“cannot tell” zone" not in written(tmp_path, (screening, photo), conformal=None)


def test_likely_by_the_answers_alone_says_so(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    words = visible(written(tmp_path, (replace(screening, photo_probability=0.5), photo)))
    assert "Taken together, this points to mpox. Only a laboratory test can say for sure." in words
    assert "To the model this looks like mpox" not in words


def test_what_was_refused_is_listed_and_escaped(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    path = tmp_path / "report.html"
    write_report([(screening, photo)], path, refused=[f"{HOSTILE}: no such file"])
    page = path.read_text("utf-8")
    assert "Not screened" in visible(page)
    assert not Tags(page).open
    assert [name for name, _ in Tags(page).found].count("script") == 1
    assert f"{HOSTILE}: no such file" in html.unescape(page)


def test_a_withheld_decision_still_shows_what_the_model_saw(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    reason = Reason("no_skin", "The photo shows little or no skin.", "Take another.")
    unknown = History(None, (Criterion("headache", None),), (), 1.0, 0)
    withheld = replace(
        screening,
        decision=Decision.CANNOT_TELL,
        gate=Gate(False, (reason,), {}),
        history=unknown,
        reasons=(reason,),
        probability=0.743,
        interval=Interval(0.558, 0.867),
    )
    page = written(tmp_path, (withheld, photo))
    words = visible(page)
    assert "Cannot tell" in words
    assert "What the model saw, shown for understanding; no decision rests on it: 74 %" in words
    assert "about 74 of 100" not in words
    assert words.count(reason.text) == 1
    assert "Photo check: not passed" in words
    assert "No questions were answered, so only the photo counts: 74 % (56 % to 87 %)" in words
    assert page.count("data:image/png") == 1


def test_hostile_text_is_escaped(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    evil = replace(
        screening,
        file=HOSTILE,
        next_step=HOSTILE,
        reasons=(Reason("x", HOSTILE, HOSTILE),),
        gate=Gate(True, (), {HOSTILE: 1.0}),
        provenance=replace(screening.provenance, bundle=HOSTILE),
    )
    page = written(tmp_path, (evil, photo), (evil, photo))
    tags = Tags(page)
    assert not tags.open
    assert [name for name, _ in tags.found].count("script") == 1
    assert "img" not in {name for name, _ in tags.found}
    assert not [key for _, attributes in tags.found for key in attributes if key.startswith("on") or key == "style"]
    assert HOSTILE in html.unescape(page)


def test_a_name_that_is_not_unicode_does_no_harm(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    assert "rash&#56575;.jpg" in written(tmp_path, (replace(screening, file="rash\udcff.jpg"), photo))


def test_nothing_is_loaded_from_outside(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    page = written(tmp_path, (screening, photo))
    assert "://" not in page
    assert "@import" not in page
    for _, attributes in Tags(page).found:
        for key in ("src", "href", "data", "poster"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/"))


def test_the_policy_allows_just_the_style_and_script_of_the_page(
    tmp_path: Path, screening: Screening, photo: Photo
) -> None:
    page = written(tmp_path, (screening, photo))
    (policy,) = (a["content"] for n, a in Tags(page).found if n == "meta" and "http-equiv" in a)
    hashes = {}
    for kind in ("style", "script"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, flags=re.DOTALL)
        hashes[kind] = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert policy == (
        "default-src 'none'; img-src data:; "
        f"style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_photo_is_small_and_without_metadata(tmp_path: Path, screening: Screening) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"  # ImageDescription
    buffer = io.BytesIO()
    Image.new("RGB", (1600, 1000), (150, 100, 80)).save(buffer, "JPEG", exif=exif, comment=b"secret place")
    assert b"secret place" in buffer.getvalue()
    page = written(tmp_path, (screening, decode_photo(buffer.getvalue(), "x.jpg")))
    (encoded,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    data = base64.b64decode(encoded)
    assert b"secret place" not in data
    image = Image.open(io.BytesIO(data))
    assert not image.getexif()
    assert max(image.size) == 768
    assert image.width / image.height == pytest.approx(1.6, abs=0.01)


def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, screening: Screening, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old report")
    whole = report._render

    def fails_midway(*args: object) -> object:
        pieces = whole(*args)  # type: ignore[arg-type]
        yield next(pieces)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report, "_render", fails_midway)
    with pytest.raises(OSError, match="No space left"):
        write_report([(screening, photo)], path)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "the old report"


def test_several_photos_have_an_index(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    other = replace(screening, file="second.png", decision=Decision.UNLIKELY, probability=0.004)
    page = written(tmp_path, (screening, photo), (other, photo))
    targets = {a.get("id") for _, a in Tags(page).found}
    links = [a["href"] for n, a in Tags(page).found if n == "a"]
    assert links == ["#main", "#case-1", "#case-2"]
    assert {link[1:] for link in links if link} <= targets
    assert "second.png Mpox unlikely under 1 %" in visible(page)
    assert "photos</h2>" not in written(tmp_path, (screening, photo))


def test_the_map_is_shown_with_its_limits(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    page = written(tmp_path, (replace(screening, map_passed=True), photo))
    assert "only 7 × 7 places, so it cannot outline a spot, and it does not show that the score is right" in visible(
        page
    )
    assert "has not been tested" not in visible(page)
    assert page.count("data:image/png") == 1
    unchecked = written(tmp_path, (screening, photo))
    assert "Whether it follows what the model learned has not been tested." in visible(unchecked)
    assert unchecked.count("data:image/png") == 1


def test_a_map_that_failed_its_sanity_check_is_not_shown(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    page = written(tmp_path, (replace(screening, map_passed=False), photo))
    words, tags = visible(page), Tags(page)
    assert "No heat map is shown: this model’s failed its sanity check" in words
    assert "data:image/png" not in page
    assert page.count("data:image/jpeg") == 1
    assert "input" not in {name for name, _ in tags.found}
    assert not tags.open
    for told in ("strongest signs", "pale means weak", "pink: for mpox", "Heat map’s"):
        assert told not in words
    assert "78 % score for mpox" in words


def test_photos_screened_together_are_all_shown(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    found, cam = screening.classification, np.zeros((3, 7, 7), np.float32)
    blurred = Gate(False, (Reason("blurred", "It is blurred.", "Again."),), {"skin": 0.25})
    small = replace(found, cam=cam, probabilities={"measles": 0.9, "mpox": 0.07, "healthy": 0.03}, ood_score=2.5)
    shots = (
        Examined("a/first.jpg", "11", screening.gate, None, found),
        Examined(f"a/{HOSTILE}", "22", blurred, None, small),
    )
    joint = JointScreening(**vars(screening) | {"file": "a/first.jpg, a/x.jpg"}, photos=shots)
    path = tmp_path / "report.html"
    write_report([(joint, iter([photo, photo]))], path, conformal=CONFORMAL)
    page = path.read_text("utf-8")
    words, tags = visible(page), Tags(page)
    assert not tags.open
    ids = [a["id"] for _, a in tags.found if "id" in a]
    assert len(ids) == len(set(ids))
    assert page.count("data:image/png") == page.count("data:image/jpeg") == 2
    for shown in (
        "first.jpg, <script>",
        "78 % score for mpox, photos and answers together",
        "By itself this photo scores 74 %. The heat map shows",
        "By itself this photo scores 7 %. It does not count: It is blurred. No place speaks strongly",
        "first.jpg : passed Share of the photo that is skin 0.8312",
        ".jpg : not passed Share of the photo that is skin 0.25 How unlike the known photos (usual: about 1) 2.50",
        "SHA-256 11",
        "SHA-256 22",
    ):
        assert shown in words, shown
    with pytest.raises(ValueError, match="zip"):
        write_report([(joint, [photo])], path)


def test_it_can_be_read_without_seeing_it(tmp_path: Path, screening: Screening, photo: Photo) -> None:
    tags = Tags(written(tmp_path, (screening, photo))).found
    assert ("html", {"lang": "en"}) in tags
    assert [n for n, _ in tags if n in ("h1", "h2")] == ["h1", "h2"]
    (slider,) = (a for n, a in tags if n == "input")
    assert slider["id"] in [a.get("for") for n, a in tags if n == "label"]
    pictures = [a for n, a in tags if n == "svg"]
    assert all(a.get("aria-label") or a.get("aria-hidden") == "true" for a in pictures)


@pytest.mark.parametrize(
    ("p", "share", "of_hundred"),
    [
        (0.0003, "under 1\xa0%", "fewer than 1 of 100"),
        (0.005, "under 1\xa0%", "fewer than 1 of 100"),
        (0.0051, "1\xa0%", "about 1 of 100"),
        (0.426, "43\xa0%", "about 43 of 100"),
        (0.994, "99\xa0%", "about 99 of 100"),
        (0.9997, "over 99\xa0%", "more than 99 of 100"),
    ],
)
def test_nobody_is_told_that_it_is_certain(p: float, share: str, of_hundred: str) -> None:
    assert (percent(p), hundred(p)) == (share, of_hundred)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(1.0, "no change"), (2.5, "2.5 times higher"), (0.4, "2.5 times lower"), (1.04, "1.04 times higher")],
)
def test_effect_in_words(ratio: float, words: str) -> None:
    assert effect(ratio) == words


def test_the_zone_takes_in_the_operating_point() -> None:
    assert undecided(Conformal(0.1, 0.3, 0.6), 0.5) == (0.3, 0.6)
    assert undecided(Conformal(0.1, 0.6, 0.3), 0.7) == (0.3, 0.7)
    assert undecided(Conformal(0.1, -0.1, 1.2), 0.5) == (0.0, 1.0)


def test_the_positive_label_by_name_or_by_its_score(screening: Screening) -> None:
    assert positive_index(screening) == 1
    renamed = replace(screening.classification, probabilities={"a": 0.1, "b": 0.157, "monkeypox": 0.743})
    assert positive_index(replace(screening, classification=renamed)) == 2
