"""The workspace never passes off what is stale as fresh, and decisions hold until somebody takes them back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock
from PIL import Image

from mpoxlens.cli import main
from mpoxlens.datasets import parts, steps
from mpoxlens.datasets.audit.audit import audit
from mpoxlens.datasets.duplicates.links import write_links
from mpoxlens.datasets.labels import Predicted
from mpoxlens.datasets.parts import Kind
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.workspace import Workspace, photographs_of
from mpoxlens.errors import DataError


def _save(root: Path, name: str, seed: int) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(seed, size=64).pixels).save(path)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    root = tmp_path / "photographs"
    for seed in range(12):
        _save(root, f"{'mpox' if seed % 2 else 'acne'}/{seed}.png", seed)
    return root


@pytest.fixture
def work(photographs: Path, tmp_path: Path) -> Workspace:
    work = Workspace(tmp_path / "work")
    steps.ingest(work, [photographs])
    _without_links(work)
    return work


def _without_links(work: Workspace) -> None:
    """As if copies had been looked for, and none found."""
    write_links([], work.table("links"), photographs_of(work.manifest()))


def _sha(work: Workspace, name: str) -> str:
    return next(r.sha256 for r in work.manifest().records if r.path == name)


def _review(sha256: str, action: str, value: str = "") -> Review:
    return Review(sha256, action, value, "", "r", "2026-01-01", "d.csv:2")


def _unsure(_: object) -> Predicted:
    raise DataError("label acne", "too few", "add photographs")


STALE = "made before the last photographs or decisions came"


@pytest.mark.parametrize(
    ("step", "command"),
    [
        (lambda work: parts.split(work, Kind(folds=2)), "apply"),
        (lambda work: audit(work, shuffles=0), "apply"),
        (lambda work: steps.labels(work, _unsure), "apply"),
        (Workspace.clean, "apply"),
    ],
)
def test_what_was_reviewed_before_photographs_came_is_refused(
    work: Workspace, photographs: Path, step: Callable[[Workspace], object], command: str
) -> None:
    steps.apply(work)
    _save(photographs, "mpox/new.png", 99)
    steps.ingest(work, [photographs])
    _without_links(work)
    with pytest.raises(DataError, match=rf"clean\.parquet: {STALE}; mpoxlens data {command} "):
        step(work)
    steps.apply(work)
    step(work)


def test_links_and_splits_are_of_the_photographs_that_they_were_made_of(work: Workspace, photographs: Path) -> None:
    steps.apply(work)
    parts.split(work, Kind(folds=2))
    assert work.fresh("split") is not None
    steps.apply(work, [_review(_sha(work, "mpox/1.png"), "drop")])
    with pytest.raises(DataError, match=rf"split\.parquet: {STALE}; mpoxlens data split "):
        work.fresh("split")
    _save(photographs, "mpox/new.png", 99)
    steps.ingest(work, [photographs])
    with pytest.raises(DataError, match=r"links\.parquet: made before the last photographs came; mpoxlens data dup"):
        steps.apply(work)


def test_decisions_hold_when_they_are_applied_again_without_being_named(work: Workspace, tmp_path: Path) -> None:
    decisions = tmp_path / "d.csv"
    decisions.write_text(
        f"sha256,action,value,reason,reviewer,date\n{_sha(work, 'mpox/1.png')},drop,,text,r,2026-01-01\n"
    )
    run = CliRunner()
    for words, left in ((["--decisions", str(decisions)], 11), ([], 11), (["--forget"], 12), ([], 12)):
        done = run.invoke(main, ["data", "apply", str(work.path), *words], catch_exceptions=False)
        assert done.exit_code == 0
        assert len(work.clean().records) == left


def test_conflicts_are_listed_even_if_nothing_could_be_predicted(work: Workspace, photographs: Path) -> None:
    (photographs / "acne" / "copy.png").write_bytes((photographs / "mpox" / "1.png").read_bytes())
    steps.ingest(work, [photographs])
    _without_links(work)
    doubts, problems = steps.labels(work, _unsure)
    assert [(doubt.kind, doubt.given) for doubt in doubts] == [("conflict", "acne")]
    assert [str(one) for one in problems] == ["label acne: too few; add photographs"]
    steps.apply(work, [_review(doubts[0].sha256, "relabel", "mpox")])
    assert steps.labels(work, _unsure)[0] == []  # what was decided is no doubt any more
    assert not work.clean().flags


def test_a_new_label_and_a_contradiction_are_told(work: Workspace) -> None:
    a, b = _sha(work, "acne/0.png"), _sha(work, "mpox/1.png")
    from mpoxlens.datasets.duplicates.links import Link

    write_links(
        [Link(min(a, b), max(a, b), "local-features", 30, 1.0)], work.table("links"), photographs_of(work.manifest())
    )
    told = [str(one) for one in steps.apply(work, [_review(_sha(work, "mpox/3.png"), "relabel", "monkypox")]).problems]
    assert told[0] == "d.csv:2: no photograph came with the label 'monkypox'; check its spelling; known are acne, mpox"
    assert "which shows the same photograph; decide with relabel, drop or apart" in told[1]
    assert steps.apply(work, [_review(a, "keep"), _review(b, "keep")]).problems == ()


def test_a_source_that_is_tested_keeps_its_people_out_of_training(photographs: Path, tmp_path: Path) -> None:
    (photographs / "labels.csv").write_text(
        "file,label,source,patient\nmpox/1.png,mpox,a,\nacne/0.png,acne,a,\nmpox/3.png,mpox,b,\nacne/2.png,acne,b,\n"
    )
    work = Workspace(tmp_path / "work")
    found = steps.ingest(work, [photographs])
    one, other = _sha(work, "mpox/1.png"), _sha(work, "mpox/3.png")
    assert len(found.records) == 4
    _without_links(work)
    steps.apply(work, [_review(one, "group", "scene"), _review(other, "group", "scene")])
    parts.split(work, Kind())
    assert (work.path / "split-left-out.csv").read_text() == "tested,file\na,mpox/3.png\nb,mpox/1.png\n"


def test_the_workspace_may_not_lie_among_the_photographs(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it lies among the photographs; name a folder outside them"):
        steps.ingest(Workspace(photographs / "work"), [photographs])
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: it is a file; name a folder for the workspace"):
        steps.ingest(Workspace(tmp_path / "file"), [photographs])


def test_a_second_run_is_kept_out(work: Workspace) -> None:
    with FileLock(work.path / ".lock"):
        done = CliRunner().invoke(main, ["data", "apply", str(work.path)], catch_exceptions=False)
    assert done.exit_code == 2
    assert "another run is at work there; wait until it has ended" in done.stderr


def test_status_tells_what_is_stale_damaged_and_next(work: Workspace, photographs: Path) -> None:
    steps.apply(work)
    parts.split(work, Kind(folds=2))
    _save(photographs, "mpox/new.png", 99)
    steps.ingest(work, [photographs])
    work.table("quality").write_bytes(b"PAR1")
    done = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["data", "status", str(work.path)], catch_exceptions=False)
    assert done.exit_code == 0
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if "parquet" in line and "│" in line}
    assert STALE in lines["apply"]
    assert "made before the last photographs came" in lines["duplicates"]
    assert "no readable table" in lines["quality"]
    assert "not done" in lines["audit"]
    assert f"next: mpoxlens data duplicates {work.path}" in done.stdout


def test_a_label_with_square_brackets_is_shown_as_it_is(tmp_path: Path) -> None:
    for seed in range(2):
        _save(tmp_path / "data", f"rash [bold]/{seed}.png", seed)
    words = ["data", "ingest", str(tmp_path / "work"), str(tmp_path / "data")]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "rash [bold]" in done.stdout
