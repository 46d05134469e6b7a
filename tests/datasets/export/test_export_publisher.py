"""What only the publisher knows, and what licences say."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

import hand_made
from mpoxlens.datasets.export.about import About, read_about
from mpoxlens.datasets.export.export import export
from mpoxlens.datasets.export.licences import in_words, unknown
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

pytest.importorskip("datasets")


@pytest.mark.parametrize(
    ("licence", "words", "doubtful"),
    [
        ("", "no licence is known: not to be passed on", True),
        ("CC0 1.0", "may be passed on without conditions", False),
        ("CC BY 4.0", "may be passed on with attribution", False),
        ("CC BY-NC-SA 4.0", "may be passed on for non-commercial use, with attribution, under the same licence", False),
        ("CC-BY-NC-4.0", "may be passed on for non-commercial use, with attribution", False),
        (
            "https://creativecommons.org/licenses/by-sa/4.0/",
            "may be passed on with attribution, under the same licence",
            False,
        ),
        (
            "Creative Commons Attribution-NonCommercial 4.0 International",
            "may be passed on for non-commercial use, with attribution",
            False,
        ),
        ("not CC BY", "read it before passing anything on", True),
        ("Proprietary, CC-BY pending", "read it before passing anything on", True),
        (
            "CC BY-NC-SA 3.0 (annotations; the photographs belong to their atlases)",
            "the publisher could not or did not license the photographs: not to be passed on",
            True,
        ),
        ("CC BY-NC-ND 4.0", "may be passed on unaltered only; hiding a face or encoding again alters it", False),
        ("for research and teaching", "use is limited; ask before passing it on", True),
        (
            "CC BY-NC-SA 3.0; photos belong to their atlases",
            "the publisher could not or did not license the photographs: not to be passed on",
            True,
        ),
        ("see website", "read it before passing anything on", True),
    ],
)
def test_licences_in_words(licence: str, words: str, doubtful: bool) -> None:
    assert (in_words(licence), unknown(licence)) == (words, doubtful)


def test_without_derivatives_is_without_doubt_only_while_no_photograph_goes_out(
    tmp_path: Path, records: list[ImageRecord]
) -> None:
    assert not unknown("CC BY-NC-ND 4.0")
    assert unknown("CC BY-NC-ND 4.0", altered=True)
    assert not unknown("CC BY-NC-SA 4.0", altered=True)
    nd = [replace(record, licence="CC BY-ND 4.0") for record in records]
    work = hand_made.workspace(tmp_path / "nd", tmp_path / "photos", nd)
    warned = "**Not to be passed on as it is.** For 3 of 3 photographs"
    for name, shown in (("a", {}), ("b", {"images": True}), ("c", {"sheets": True})):
        export(work, tmp_path / name, unhidden=True, **shown)
        assert (warned in (tmp_path / name / "data-card.md").read_text(encoding="utf-8")) == bool(shown)


def test_what_the_publisher_knows_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "about.toml"
    path.write_text('name = "Rash 2024"\nlicence = "CC BY 4.0"\ndate = 2024-05-01\n', encoding="utf-8")
    assert read_about(path) == About(name="Rash 2024", licence="CC BY 4.0", date="2024-05-01")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", r"about\.toml: is no TOML \("),
        ('colour = "red"', r"about\.toml: colour: no field of a card, or no text; fields: name, version, licence, "),
        ("version = 2", r"about\.toml: version: no field of a card, or no text"),
        ('date = "May"', r"about\.toml: date: 'May' is no date; write year-month-day"),
    ],
)
def test_a_publishers_file_that_cannot_be_used_is_told_by_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "about.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_about(path)
    with pytest.raises(DataError, match=r"none\.toml: cannot be read"):
        read_about(tmp_path / "none.toml")


def test_the_example_of_what_the_publisher_knows_has_every_field(work: Workspace, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "howto-export.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example
    assert set(tomllib.loads(example[1])) == {field.name for field in fields(About)}
    (tmp_path / "about.toml").write_text(example[1], encoding="utf-8")
    about = read_about(tmp_path / "about.toml")
    export(work, tmp_path / "out", about=about)
    card = (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
    assert card.count("to be filled in by the publisher") == 1  # where the card says what that means
    assert all(value in card for value in vars(about).values() if value != about.creator)
    assert about.creator in (tmp_path / "out" / "croissant.json").read_text(encoding="utf-8")
