"""`mpoxlens data`, verb by verb, on drawings: each step leaves its table, and a user's mistake is one line."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageOps
from pyarrow import parquet

from mpoxlens.cli import main
from mpoxlens.datasets.phantom import draw

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of drawings, with a cropped mirror image in the same class and a copy in the other."""
    root = tmp_path_factory.mktemp("data") / "scraped"
    for seed in range(16):
        label = "mpox" if seed % 2 else "healthy"
        (root / label).mkdir(parents=True, exist_ok=True)
        drawing = draw(seed, count=12 if seed % 2 else 0, tone=20.0 if seed % 2 else 45.0, size=256)
        Image.fromarray(drawing.pixels).save(root / label / f"{seed}.png")
    first = Image.open(root / "mpox" / "1.png")
    ImageOps.mirror(first.crop((30, 20, 220, 210))).save(root / "mpox" / "copy.jpg", quality=80)
    first.resize((200, 200)).save(root / "healthy" / "stray.jpg", quality=80)
    (root / "mpox" / "again.png").write_bytes((root / "mpox" / "3.png").read_bytes())
    (root / "mpox" / "broken.jpg").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def run() -> Run:
    def invoke(*words: object) -> Result:
        return CliRunner().invoke(main, ["data", *map(str, words)], catch_exceptions=False)

    return invoke


@pytest.fixture(scope="module")
def work(scraped: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    assert run("ingest", folder, scraped).exit_code == 1  # one file is broken
    assert run("duplicates", folder).exit_code == 0
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_ingest_tells_what_it_could_not_use_and_keeps_the_rest(scraped: Path, run: Run, tmp_path: Path) -> None:
    done = run("ingest", tmp_path, scraped)
    assert "mpoxlens: mpox/broken.jpg: not a photo in a format that we read" in done.stderr
    assert "1 further file with the content of one of these" in done.stdout
    assert [row["what"] for row in _rows(tmp_path / "problems.csv")] == ["mpox/broken.jpg"]
    assert parquet.read_table(tmp_path / "manifest.parquet").num_rows == 18 + 1  # and a copy


def test_links_and_groups_are_tables_that_other_tools_read(work: Path) -> None:
    links = {frozenset((row["file_a"], row["file_b"])): row for row in _rows(work / "links.csv")}
    assert links.keys() == {
        frozenset(pair)
        for pair in (
            ("mpox/1.png", "mpox/copy.jpg"),
            ("mpox/1.png", "healthy/stray.jpg"),
            ("mpox/copy.jpg", "healthy/stray.jpg"),
            ("mpox/3.png", "mpox/again.png"),
        )
    }
    assert links[frozenset(("mpox/3.png", "mpox/again.png"))]["method"] == "identical"
    assert int(links[frozenset(("mpox/1.png", "mpox/copy.jpg"))]["inliers"]) > 10
    group = {row["file"]: row["group"] for row in _rows(work / "groups.csv")}
    assert len(group) == 19
    assert group["mpox/1.png"] == group["mpox/copy.jpg"] == group["healthy/stray.jpg"] != group["mpox/3.png"]
    assert group["mpox/3.png"] == group["mpox/again.png"]


def test_every_link_can_be_looked_at(work: Path, run: Run, tmp_path: Path) -> None:
    assert run("duplicates", work, "--pictures", tmp_path / "pictures").exit_code == 0
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert len(pictures) == 3
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 480


def test_duplicates_are_not_looked_for_twice(work: Path, run: Run) -> None:
    before = (work / "links.parquet").stat().st_mtime_ns
    assert run("duplicates", work).exit_code == 0
    assert (work / "links.parquet").stat().st_mtime_ns == before


@pytest.mark.slow
def test_labels_name_the_conflict_and_a_decision_settles_it(work: Path, run: Run, tmp_path: Path) -> None:
    assert run("labels", work).exit_code == 0
    doubts = {row["sha256"]: row for row in parquet.read_table(work / "labels.parquet").to_pylist()}
    stray = next(r for r in parquet.read_table(work / "manifest.parquet").to_pylist() if "stray" in r["path"])
    doubt = doubts[stray["sha256"]]
    assert (doubt["kind"], doubt["given"], doubt["suggested"]) == ("conflict", "healthy", "mpox")
    decisions = tmp_path / "d.csv"
    decisions.write_text(
        f"sha256,action,value,reason,reviewer,date\n{stray['sha256']},relabel,mpox,not_label,r,2026-01-01\n"
    )
    assert run("apply", work, "--decisions", decisions).exit_code == 0
    clean = parquet.read_table(work / "clean.parquet").to_pylist()
    assert {row["label"] for row in clean if row["path"] == "healthy/stray.jpg"} == {"mpox"}


def test_a_split_is_whole_clusters_and_is_kept(work: Path, run: Run) -> None:
    assert run("apply", work).exit_code == 0
    assert run("split", work, "--folds", 3).exit_code == 0
    first = _rows(work / "split.csv")
    part = {row["file"]: row["part"] for row in first}
    assert part["mpox/1.png"] == part["mpox/copy.jpg"] == part["healthy/stray.jpg"]
    assert run("split", work, "--folds", 3, "--seed", 99).exit_code == 0
    assert _rows(work / "split.csv") == first
    assert run("split", work, "--check", work / "split.csv").exit_code == 0


def test_a_split_that_leaks_is_refused_by_the_names_of_its_files(work: Path, run: Run, tmp_path: Path) -> None:
    run("apply", work)
    leak = tmp_path / "leak.csv"
    leak.write_text("file,part\nmpox/1.png,train\nmpox/copy.jpg,test\n")
    done = run("split", work, "--check", leak)
    assert done.exit_code == 2
    assert (
        "1 cluster is cut: the same person or photograph is in two parts: mpox/copy.jpg (test) and mpox/1.png"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["duplicates", "nowhere"], "nowhere/manifest.parquet: no such table yet; mpoxlens data ingest nowhere DIR"),
        (["apply", "nowhere"], "nowhere/manifest.parquet: no such table yet"),
        (["ingest", "w", "none"], "none: no such folder"),
        (["split", "nowhere", "--folds", "3"], "nowhere/clean.parquet: no such table yet; mpoxlens data apply nowhere"),
        (["split", "nowhere"], "give one of --folds, --hold-out, --by-source, --published and --check"),
        (["agreement", "a.csv", "b.csv"], "a.csv: cannot be read (No such file or directory); name a decisions file"),
    ],
)
def test_a_mistake_is_one_line(
    run: Run, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copy_of_the_same_content_leaks_too(work: Path, run: Run, tmp_path: Path) -> None:
    run("apply", work)
    leak = tmp_path / "leak.csv"
    leak.write_text("file,part\nmpox/3.png,train\nmpox/again.png,test\n")
    assert "mpox/again.png (test) and mpox/3.png (train)" in run("split", work, "--check", leak).stderr
    leak.write_text("file,part\nmpox/1.png,train\nmpox/again.png,test\n")  # two photographs
    done = run("split", work, "--check", leak)
    assert done.exit_code == 0
    assert "2 files, no cluster is in two parts; it does not name 16 photographs" in done.stdout


def test_a_split_of_another_kind_is_kept_until_it_is_given_up(work: Path, run: Run) -> None:
    run("apply", work)
    run("split", work, "--folds", 3, "--fresh")
    done = run("split", work, "--folds", 4)
    assert done.exit_code == 2
    assert "it holds a split of another kind (3 folds); give --fresh to split anew" in done.stderr
    assert run("split", work, "--folds", 4, "--fresh").exit_code == 0
    assert {row["part"] for row in _rows(work / "split.csv")} == set("0123")


def test_status_shows_what_is_done(work: Path, run: Run) -> None:
    lines = run("status", work).stdout
    assert "links.parquet" in lines
    assert "not done" in lines
