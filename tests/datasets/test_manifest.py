"""From files to a manifest, with the reviewers' decisions applied and every photograph in its cluster."""

from pathlib import Path

import pytest
from PIL import Image

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import CONFLICT, Manifest, apply, read_manifest, write_manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.reviews import Review
from mpoxlens.errors import DataError


def _save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(seed, size=96).pixels).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for label, seeds in {"mpox": (1, 2), "other": (3, 4)}.items():
        for seed in seeds:
            _save(tmp_path / "data" / label / f"{seed}.png", seed)
    return tmp_path / "data"


def _review(sha256: str, action: str, value: str = "", reason: str = "") -> Review:
    return Review(sha256, action, value, reason, "reviewer-1", "2026-01-01", "d.csv:2")


def _by_name(found: Manifest) -> dict[str, str]:
    return {Path(r.path).stem: r.sha256 for r in found.records}


def _lines(found: Manifest) -> list[str]:
    return [str(problem) for problem in found.problems]


def test_every_photograph_is_there_once_with_what_is_known_of_it(root: Path) -> None:
    (root / "labels.csv").write_text(
        "file,label,source,patient,tone\nmpox/1.png,mpox,clinic,p7,III\nother/3.png,acne,,,\n"
    )
    first, second = sorted(collect([root]).records, key=lambda r: r.path)
    assert (first.path, first.label, first.source, first.patient, first.tone) == (
        "mpox/1.png",
        "mpox",
        "clinic",
        "p7",
        "3",
    )
    assert (first.width, first.height, first.bytes) == (96, 96, (root / "mpox" / "1.png").stat().st_size)
    assert (second.label, second.source, second.patient, second.group) == ("acne", "data", None, "")


def test_two_data_sets_make_one_manifest(root: Path, tmp_path: Path) -> None:
    _save(tmp_path / "more" / "mpox" / "5.png", 5)
    found = collect([root, tmp_path / "more"])
    assert found.root == tmp_path
    assert sorted(r.path for r in found.records) == [
        "data/mpox/1.png", "data/mpox/2.png", "data/other/3.png", "data/other/4.png", "more/mpox/5.png",
    ]  # fmt: skip
    assert all(path.is_file() for path in found.paths.values())


def test_a_broken_file_is_told_and_the_rest_goes_on(root: Path) -> None:
    (root / "mpox" / "broken.png").write_bytes(b"no picture")
    found = collect([root])
    assert len(found.records) == 4
    assert _lines(found) == ["mpox/broken.png: not a photo in a format that we read; save it as a JPEG or PNG"]


def test_what_was_read_is_not_read_again_unless_the_file_changed(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "files.parquet"
    before = collect([root], cache=cache)
    _save(root / "mpox" / "2.png", 7)
    (root / "other" / "3.png").chmod(0)
    after = collect([root], cache=cache)
    (root / "other" / "3.png").chmod(0o644)
    old, new = _by_name(before), _by_name(after)
    assert {name: sha for name, sha in new.items() if name != "2"} == {n: s for n, s in old.items() if n != "2"}
    assert new["2"] != old["2"]


def test_a_file_under_two_labels_is_left_out_until_somebody_decides(root: Path) -> None:
    (root / "other" / "copy.png").write_bytes((root / "mpox" / "1.png").read_bytes())
    found = collect([root])
    sha = _by_name(found)["1"]
    assert _lines(found) == [
        (
            "other/copy.png: labelled other, and mpox as mpox/1.png, with the same content; "
            "say which one holds in the decisions file"
        )
    ]
    assert found.flags == {sha: frozenset({CONFLICT})}
    assert sha not in {r.sha256 for r in apply(found, []).records}
    decided = apply(found, [], [_review(sha, "relabel", "other")])
    assert {r.sha256: r.label for r in decided.records}[sha] == "other"


def test_decisions_drop_relabel_flag_and_group(root: Path) -> None:
    found = collect([root])
    sha = _by_name(found)
    reviews = [
        _review(sha["1"], "drop", reason="drawing"),
        _review(sha["2"], "relabel", "other"),
        _review(sha["3"], "flag", reason="doubtful_label"),
        _review(sha["3"], "group", "scene"),
        _review(sha["4"], "group", "scene"),
        _review("0" * 64, "drop"),
    ]
    clean = apply(found, [], reviews)
    records = {r.sha256: r for r in clean.records}
    assert sha["1"] not in records
    assert records[sha["2"]].label == "other"
    assert clean.flags == {sha["3"]: frozenset({"doubtful_label"})}
    assert records[sha["3"]].group == records[sha["4"]].group != records[sha["2"]].group
    assert _lines(clean) == [
        (
            "d.csv:2: 1 decisions name photographs that are not in this data set; "
            "they are passed over; check that this is the file that you meant"
        )
    ]


def test_a_photograph_that_is_left_out_joins_nobody(root: Path) -> None:
    found = collect([root])
    sha = _by_name(found)
    links = [Link(*sorted((sha["1"], sha[other])), "local-features", 30, 1.0) for other in "23"]  # type: ignore[arg-type]
    assert len({r.group for r in apply(found, links).records}) == 2
    assert len({r.group for r in apply(found, links, [_review(sha["1"], "drop", reason="collage")]).records}) == 3


def test_patients_whom_two_publishers_name_differently_are_one_group(root: Path) -> None:
    (root / "again").mkdir()
    (root / "again" / "1.png").write_bytes((root / "mpox" / "1.png").read_bytes())
    (root / "labels.csv").write_text(
        "file,label,source,patient\nmpox/1.png,mpox,a,p1\nmpox/2.png,mpox,a,p1\n"
        "again/1.png,mpox,b,x9\nother/3.png,mpox,b,x9\nother/4.png,mpox,b,x8\n"
    )
    clean = apply(collect([root]), [])
    group = {Path(r.path).stem: r.group for r in clean.records}
    assert group["1"] == group["2"] == group["3"] != group["4"]
    assert [r.path for r in clean.copies] == ["mpox/1.png"]


def test_nothing_left_is_refused(root: Path) -> None:
    found = collect([root])
    with pytest.raises(DataError, match="no photo is left after the reviewers' decisions"):
        apply(found, [], [_review(r.sha256, "drop", reason="text") for r in found.records])


def test_a_manifest_goes_there_and_back(root: Path, tmp_path: Path) -> None:
    (root / "other" / "copy.png").write_bytes((root / "mpox" / "1.png").read_bytes())
    found = collect([root])
    write_manifest(found, tmp_path / "manifest.parquet")
    back = read_manifest(tmp_path / "manifest.parquet")
    assert (back.root, back.records, back.copies, back.flags) == (found.root, found.records, found.copies, found.flags)
    assert back.sha256 == found.sha256


def test_a_table_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"sha256": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"t\.parquet: no manifest of this version of mpoxlens; remove it, then: mpoxlens"
    ):
        read_manifest(tmp_path / "t.parquet")
