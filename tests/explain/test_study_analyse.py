"""A study from the folder to its figures: readers are scripted, and what they do is known."""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from pyarrow import parquet
from study_made import MONDAY, SQUARE, answered, key_of, made, read_all, readings

from mpoxlens.bundle import Bundle
from mpoxlens.errors import DataError, PhotoError
from mpoxlens.explain.study.analyse import analyse
from mpoxlens.explain.study.answers import enrol
from mpoxlens.explain.study.export import export
from mpoxlens.explain.study.folder import Study, read_key, read_study
from mpoxlens.explain.study.make import GRAIN, Settings, explainer, grained, make, picture
from mpoxlens.explain.study.plan import Reading
from mpoxlens.explain.study.questions import UNAIDED
from mpoxlens.explain.study.sources import Source, by_folder, by_table, decoded, phantoms
from mpoxlens.explain.study.told import lines
from mpoxlens.explain.study_command import study as verbs
from mpoxlens.explain.subject import OnnxSubject


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_path: Path) -> Study:
    """Six cases, three of mpox; Ann and Ben are always right with the aid, and Ben misses all mpox without it."""
    found = made(tmp_path_factory.mktemp("study") / "study", tiny_path)
    read_all(found, "Ann", lambda _, mpox: 5 if mpox else 1, draws=True)
    read_all(found, "Ben", _ben)
    late = enrol(found, "Cleo")
    first = readings(late)[0]
    late.write(first, answered(first.arm, 5 if key_of(found).truths[first.case].mpox else 1), MONDAY)
    return found


def _ben(reading: Reading, mpox: bool) -> int:
    return (5 if mpox else 1) if reading.arm != UNAIDED else 2


def _only(rows: list[dict[str, object]], **wanted: object) -> dict[str, object]:
    (found,) = (row for row in rows if all(row.get(name) == value for name, value in wanted.items()))
    return found


def test_readers_with_and_without_the_aid(study: Study) -> None:
    found = analyse(study, key_of(study))
    assert (found["cases"], found["mpox"]) == (6, 3)
    assert found["readers"] == {"finished": ["r1", "r2"], "unfinished": ["r3"]}
    ben = _only(found["reading"], reader="r2", arm=UNAIDED)
    assert (ben["AUROC"], ben["sensitivity"], ben["specificity"], ben["median_seconds"]) == (0.5, 0.0, 1.0, 4.0)
    gain = _only(found["comparison"], figure="sensitivity", less=UNAIDED)
    # Ann gains 0, Ben 1: by hand MS(TR) = 1/4 and no covariance, so 0.5 +- t(1) sqrt(1/4)
    assert gain["obuchowski_rockette"]["value"] == 0.5
    assert gain["obuchowski_rockette"]["high"] == pytest.approx(0.5 + 12.7062 * 0.5, abs=1e-3)
    assert gain["obuchowski_rockette"]["p"] == 0.5
    assert gain["bootstrap"] == {"value": 0.5, "low": 0.0, "high": 1.0}
    assert found["turned"] == [{"arm": "map1", "readings": 12, "right": 3, "wrong": 0}]


def test_agreement_of_readers(study: Study) -> None:
    found = analyse(study, key_of(study))["agreement"]
    aided = _only(found, question="call", arm="map1")
    assert aided["cohen_kappa"]["r1 r2"] == 1.0
    assert aided["alpha"]["value"] == 1.0
    alone = _only(found, question="call", arm=UNAIDED)
    assert alone["cohen_kappa"]["r1 r2"] == 0.0  # Ben called none: what they share is chance
    said = _only(found, question="on_lesions", arm="map1")
    assert (said["level"], said["alpha"]["value"]) == ("ordinal", None)  # all said partly


def test_maps_against_drawings(study: Study) -> None:
    found = analyse(study, key_of(study))["maps"]
    assert found["drawings"] == 3  # Ann's, of the three with mpox
    assert found["readers_iou"] is None
    (said,) = found["said"]
    assert said["on_lesions_partly"]["value"] == 1.0
    assert said["on_lesions_yes"]["value"] == said["changes"]["value"] == 0.0
    (overlap,) = found["overlap"]
    assert overlap["chance"]["value"] == pytest.approx(65**2 / 128**2, abs=1e-4)  # the square, edges drawn
    assert 0 < overlap["energy"]["value"] < 1


def test_what_is_told(study: Study) -> None:
    text = "\n".join(lines(analyse(study, key_of(study))))
    assert "unfinished, left out of the comparison: r3" in text
    assert "cam less unaided" in text
    assert "cam: of 12 calls 3 turned right, 0 turned wrong" in text
    assert "Ann" not in text


def test_exports_hold_neutral_ids_alone(study: Study, tmp_path: Path) -> None:
    answers, drawings = export(study, tmp_path / "out")
    table = parquet.read_table(answers)
    assert table.num_rows == 25
    assert set(table["reader"].to_pylist()) == {"r1", "r2", "r3"}
    assert set(table["arm"].to_pylist()) == {UNAIDED, "map1"}
    drawn = parquet.read_table(drawings).to_pylist()
    assert (len(drawn), drawn[0]["x"]) == (6, [x for x, _ in SQUARE.points])
    plain, _ = export(study, tmp_path / "out", form="csv")
    content = plain.read_text(encoding="utf-8")
    for secret in ("Ann", "Ben", "cam", "healthy", "mpox", "2026"):
        assert secret not in content
    rows = list(csv.DictReader(io.StringIO(content)))
    assert {row["on_lesions"] for row in rows if row["arm"] == UNAIDED} == {""}
    opened, _ = export(study, tmp_path / "opened", form="csv", key=key_of(study))
    row = next(csv.DictReader(io.StringIO(opened.read_text(encoding="utf-8"))))
    assert row["label"] in ("mpox", "healthy")
    assert "Ann" not in opened.read_text(encoding="utf-8")


def test_the_key_must_be_the_study_s_own(study: Study, tmp_path: Path, tiny_path: Path) -> None:
    other = made(tmp_path / "other", tiny_path, size=96)  # as many cases, of the same names
    with pytest.raises(DataError, match="of another study"):
        analyse(study, key_of(other))
    with pytest.raises(DataError, match="none of 0 readers has finished the 12 readings"):
        analyse(other, key_of(other))
    with pytest.raises(DataError, match="no reading is finished yet"):
        export(other, tmp_path / "out")


def test_maps_of_all_methods_are_drawn_alike() -> None:
    heat = np.zeros((224, 224), np.float32)
    heat[100:108, 100:108] = -40.0
    shown = grained(heat)
    assert (shown.shape, shown.min(), shown.max()) == ((GRAIN, GRAIN), -1.0, 0.0)
    assert not grained(np.zeros((7, 7), np.float32)).any()
    assert picture(shown)[..., 3].max() == picture(-shown)[..., 3].max() > 100
    assert np.array_equal(picture(shown), picture(grained(heat / 1024)))


def test_photographs_come_by_folder_or_table_and_leave_their_metadata(tmp_path: Path, tiny_path: Path) -> None:
    rng = np.random.default_rng(1)
    exif = Image.Exif()
    exif[0x010F] = "A maker of cameras"
    for name in ("mpox/one.jpg", "mpox/two.jpg", "measles/three.jpg", "measles/four.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 2000, 3), np.uint8)).save(path, exif=exif)
    table = tmp_path / "photos" / "labels.csv"
    table.write_text("file,label,group\nmpox/one.jpg,mpox,ann\nmeasles/three.jpg,measles,\n", encoding="utf-8")
    bundle, settings = Bundle.load(tiny_path, threads=1), Settings()
    explain = explainer(OnnxSubject(bundle), settings)
    listed = by_folder([str(tmp_path / "photos")])
    assert [one.label for one in listed] == ["measles", "measles", "mpox", "mpox"]
    found = make(tmp_path / "a", [one.label for one in listed], decoded(listed), bundle, settings, explain)
    assert found == read_study(tmp_path / "a")
    for case in found.cases:
        data = found.photo(case.id).read_bytes()
        assert b"maker" not in data
        assert Image.open(io.BytesIO(data)).size == (case.width, case.height) == (1024, 20)
    listed = by_table(table)
    found = make(
        tmp_path / "b", [one.label for one in listed], decoded(listed), bundle, settings, explain, tmp_path / "k"
    )
    assert not (tmp_path / "b" / "key.json").exists()
    truths = read_key(tmp_path / "k").truths
    assert {one.group for one in truths.values() if one.mpox} == {"ann"}
    assert all(one.group == case for case, one in truths.items() if not one.mpox)


def test_what_makes_no_study_is_refused_before_any_work(tmp_path: Path, tiny_path: Path) -> None:
    bundle, settings = Bundle.load(tiny_path, threads=1), Settings()
    explain = explainer(OnnxSubject(bundle), settings)
    with pytest.raises(DataError, match="3 of 3 are labelled mpox"):
        make(tmp_path / "a", ["mpox"] * 3, iter(()), bundle, settings, explain)
    assert not (tmp_path / "a").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(DataError, match="no empty folder"):
        make(tmp_path / "full", ["mpox", "healthy"], iter(()), bundle, settings, explain)
    with pytest.raises(DataError, match="gradcam"):
        explainer(OnnxSubject(bundle), Settings(("gradcam",)))
    with pytest.raises(DataError, match="one twice"):
        Settings(("cam", "cam"))
    with pytest.raises(PhotoError, match="no photos in this folder"):
        by_folder([str(tmp_path / "full")])


@pytest.mark.parametrize("existed", [False, True])
def test_a_study_that_fails_on_its_way_leaves_nothing(tmp_path: Path, tiny_path: Path, existed: bool) -> None:
    bundle, settings, folder = Bundle.load(tiny_path, threads=1), Settings(), tmp_path / "study"
    labels, drawn = phantoms(4, "mpox", 1, size=96)

    def sources() -> Iterator[Source]:
        yield from itertools.islice(drawn, 2)
        raise PhotoError("third.jpg", "it cannot be read", "leave it out")

    if existed:
        folder.mkdir()
    with pytest.raises(PhotoError, match="third"):
        make(folder, labels, sources(), bundle, settings, explainer(OnnxSubject(bundle), settings))
    assert folder.exists() == existed
    assert not existed or not list(folder.iterdir())
    made(folder, tiny_path)  # so that the same command can be given again
    assert (folder / "study.json").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [("name,label\na,b\n", "no columns file and label"), ("file,label\n,mpox\n", ":2: file or label is empty")],
)
def test_a_table_of_labels_is_checked(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=why):
        by_table(path)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 9}', '{"format": 1, "arms": ["unaided"], "seed": 1}'])
def test_a_damaged_study_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "study.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"study\.json: "):
        read_study(tmp_path)
    with pytest.raises(DataError, match=r"study\.json: "):
        read_key(tmp_path / "study.json")


def test_the_verbs(tmp_path: Path, tiny_path: Path) -> None:
    folder, run = tmp_path / "study", CliRunner().invoke
    args = ["make", str(folder), "--phantoms", "4", "--bundle", str(tiny_path), "--washout-days", "0"]
    done = run(verbs, [*args, "--method", "cam", "--method", "occlusion"], catch_exceptions=False)
    assert "4 cases in 3 arms and as many sessions" in done.output
    study = read_study(folder)
    assert set(key_of(study).methods.values()) == {"cam", "occlusion"}
    read_all(study, "Ann", lambda _, mpox: 5 if mpox else 1)
    out = tmp_path / "found.json"
    done = run(verbs, ["analyse", str(folder), "--json", str(out)], catch_exceptions=False)
    assert "occlusion less unaided" in done.output
    assert "obuchowski_rockette" not in out.read_text(encoding="utf-8")  # one reader stands for no other
    assert json.loads(out.read_text(encoding="utf-8"))["readers"]["finished"] == ["r1"]
    done = run(
        verbs, ["export", str(folder), str(tmp_path / "out"), "--format", "csv", "--unblind"], catch_exceptions=False
    )
    assert done.output.count("written: ") == 2
    assert run(verbs, ["make", str(folder)]).exit_code == 2
