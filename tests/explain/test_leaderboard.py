"""The leaderboard: figures and rule by hand, then a whole run on the tiny network, stopped and taken up again."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.explain.leaderboard.contenders import of_bundle
from mpoxlens.explain.leaderboard.rows import SCHEMA, Picture, Plan, phantoms
from mpoxlens.explain.leaderboard.rule import standings, verdict
from mpoxlens.explain.leaderboard.run import run
from mpoxlens.explain.leaderboard_command import leaderboard

PLAN = Plan(phantoms=5, checked=2, levels=1, shown=1, samples=20)


def table(place: float, effect: float, passes: float, kept: float = 0.1, count: int = 6, **more: float) -> pa.Table:
    """Rows that are all alike but for their place in the list."""
    rows = [
        {
            "key": f"p{i}",
            "kind": "phantom",
            "cluster": f"p{i}",
            "problem": "",
            "hit": place,
            "energy": place,
            "cover": 0.1,
            "passes": passes,
            "road": effect,
            "insertion_blurred": effect,
            "deletion_blurred": 0.0,
            "insertion_mean": effect,
            "deletion_mean": 0.0,
            "kept_signed": [kept],
            "kept_absolute": [kept],
            **more,
        }
        for i in range(count)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def test_ranks_are_means_over_two_measures_of_place_and_two_of_effect() -> None:
    found = standings({"a": table(0.9, 1, 1), "b": table(0.5, 2, 1), "c": table(0.5, 0, 1)})
    rank = {one.method: one.rank.value for one in found if one.rank}
    assert rank == {"a": (1 + 1 + 2 + 2) / 4, "b": (2.5 + 2.5 + 1 + 1) / 4, "c": (2.5 + 2.5 + 3 + 3) / 4}
    assert [one.method for one in found] == ["a", "b", "c"]
    assert [one.tied for one in found] == [True, False, False]  # no picture differs, so no difference is by chance


def test_of_methods_that_cannot_be_told_apart_the_cheaper_wins() -> None:
    tables = {"dear": table(0.9, 1, 1000), "cheap": table(0.9, 1, 1), "bad": table(0.1, 0, 1)}
    found = verdict(standings(tables))
    assert found.winner == "cheap"
    assert found.shows_lesions
    assert not found.reached  # pointing .9 is below .95


def test_a_map_that_ignores_the_network_cannot_win() -> None:
    found = standings({"edges": table(1.0, 9, 1, kept=0.9), "cam": table(0.2, 1, 1)})
    assert verdict(found).winner == "cam"
    edges = next(one for one in found if one.method == "edges")
    assert (edges.sane, edges.rank) == (False, None)
    assert verdict(standings({"edges": table(1.0, 9, 1, kept=0.9)})).winner is None
    assert verdict(standings({"turned": table(1.0, 9, 1, kept=-0.9)})).winner is None


def test_a_winner_no_better_than_chance_shows_no_lesions() -> None:
    found = verdict(standings({"cam": table(0.1, 1, 1), "other": table(0.05, 0, 1)}))
    assert (found.winner, found.shows_lesions) == ("cam", False)


def test_goals_are_reached_by_both_figures() -> None:
    assert verdict(standings({"cam": table(0.96, 1, 1)})).reached
    assert not verdict(standings({"cam": table(0.96, 1, 1, energy=0.59)})).reached


def test_unchecked_methods_are_not_shown_and_problems_are_told() -> None:
    unchecked = table(0.9, 1, 1, kept_signed=None, kept_absolute=None)  # type: ignore[arg-type]
    broken = pa.Table.from_pylist(
        [{"key": "p0", "kind": "phantom", "cluster": "p0", "problem": "no attention"}], SCHEMA
    )
    found = {one.method: one for one in standings({"cam": unchecked, "rollout": broken})}
    assert not found["cam"].sane
    assert found["rollout"].problems == ("no attention",)
    assert verdict(list(found.values())).winner is None


def test_phantoms_vary_in_count_stage_and_tone() -> None:
    keys = [one.key for one in phantoms(120)]
    assert len({key.split(": ")[1] for key in keys}) == 4 * 5 * 6
    assert keys[:5:4] == ["phantom 0: 3 x macule, 60", "phantom 4: 3 x pustule, 45"]
    pixels, mask = phantoms(5)[4].read()
    assert pixels.shape == (448, 448, 3)
    assert mask is not None
    assert 0 < mask.mean() < 0.02  # three lesions of a radius of 1.8 to 3.6 % of the side


def test_a_run_is_taken_up_where_it_stopped(tiny_path: Path, tmp_path: Path) -> None:
    contender = of_bundle(tiny_path)
    photo = Picture("0" * 64, "photo", "person", lambda: (draw(9, size=96).pixels, None))
    with pytest.raises(KeyboardInterrupt):
        run([contender], ["cam", "occlusion"], PLAN, tmp_path, [photo], _stopped)
    rows = next((tmp_path / "rows").rglob("cam.parquet"))
    first = parquet.read_table(rows)
    assert len(first) == 4
    (board,) = run([contender], ["cam", "occlusion"], PLAN, tmp_path, [photo])
    seconds = board.rows["cam"].column("seconds").to_pylist()
    assert seconds[:4] == first.column("seconds").to_pylist()  # a second measurement would not take as long to the ns
    assert len(seconds) == 6
    (again,) = run([contender], ["cam", "occlusion"], PLAN, tmp_path, [photo])
    assert again.rows["cam"].column("seconds").to_pylist() == seconds
    assert {one.method for one in board.phantoms} == {"cam", "occlusion"}
    assert [one.pictures for one in board.photos] == [1, 1]
    assert "hit" not in board.photos[0].figures
    _check_written(tmp_path, board.verdict.winner)


def _stopped(_stage: str, _done: int, _of: int) -> None:
    """Press Ctrl-C as soon as the first pictures are through."""
    raise KeyboardInterrupt


def _check_written(out: Path, winner: str | None) -> None:
    content = json.loads((out / "leaderboard.json").read_text(encoding="utf-8"))
    assert content["networks"][0]["winner"] == winner
    whole = parquet.read_table(out / "leaderboard.parquet")
    assert whole.column("method").to_pylist() == ["cam"] * 6 + ["occlusion"] * 6
    page = (out / "leaderboard.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<img") == 2  # one phantom by two methods, and never a photograph
    assert content["rule"] in page.replace("&#39;", "'")


def test_the_linear_network_is_deleted_as_its_own_map_says(tiny_path: Path, tmp_path: Path) -> None:
    """The tiny network is linear, so its own map is exact, and nothing beats it in deletion by more than rounding."""
    (board,) = run([of_bundle(tiny_path)], ["cam", "occlusion"], PLAN, tmp_path)
    cam = board.rows["cam"].to_pylist()
    assert all(row["insertion_blurred"] > row["deletion_blurred"] for row in cam)
    assert all(row["road"] > 0 for row in cam)
    assert all(row["passes"] == 1 for row in cam)
    assert all(0 < row["ceiling"] < 1 and row["energy"] <= row["ceiling"] + 1e-6 for row in cam)


def test_verb(tiny_path: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        leaderboard, ["--bundle", str(tiny_path), "--out", str(tmp_path), "--methods", "cam", "--phantoms", "2"]
    )
    assert done.exit_code == 0, done.output
    assert "page: " in done.output


def test_an_unknown_method_is_refused_before_any_work(tiny_path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such method"):
        run([of_bundle(tiny_path)], ["camm"], PLAN, tmp_path)
    with pytest.raises(DataError, match="can be had"):
        run([of_bundle(tiny_path)], ["gradcam"], PLAN, tmp_path)
    assert not (tmp_path / "rows").exists()
