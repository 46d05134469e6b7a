"""`mpoxlens explain photo`: lines, JSON, pictures, and what goes wrong in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mpoxlens.cli_explain import explain
from mpoxlens.errors import MpoxlensError
from mpoxlens.explain import methods, picture
from mpoxlens.explain.nouns import Explanation
from mpoxlens.screening.heatmap import AGAINST, FOR


def run(*arguments: object) -> Result:
    return CliRunner().invoke(explain, ["photo", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def red_photo(tmp_path: Path) -> Path:
    """Blue but for the lower left, so that the tiny network's evidence for mpox lies there."""
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[..., 2] = 200
    pixels[64:, :40] = (250, 40, 0)
    Image.fromarray(pixels).save(tmp_path / "red.png")
    return tmp_path / "red.png"


def test_a_line_says_how_much_and_where(red_photo: Path, tiny_path: Path) -> None:
    done = run(red_photo, "--bundle", tiny_path)
    assert done.exit_code == 0
    assert "red.png: contrast " in done.stdout
    assert "most for mpox: lower left (cam, 1 pass)" in done.stdout
    assert "Not a diagnosis" in done.stderr


def test_json_holds_what_is_needed_to_repeat_it(red_photo: Path, tiny_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "maps"
    done = run(
        red_photo, "--bundle", tiny_path, "--method", "lime", "--samples", 80, "--seed", 5, "--out", out, "--json"
    )
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["method"], found["seed"], found["passes"], found["strongest"]) == ("lime", 5, 80, "lower left")
    assert found["settings"]["samples"] == 80
    assert found["versions"].keys() >= {"mpoxlens", "numpy", "onnxruntime"}
    assert found["picture"] == str(out / "red.lime.png")
    with Image.open(out / "red.lime.png") as image:
        assert json.loads(image.info[picture.KEY])["contrast"] == found["contrast"]
        assert "exif" not in image.info


def test_photos_that_cannot_be_read_do_not_stop_the_rest(red_photo: Path, tiny_path: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    done = run(tmp_path / "empty.jpg", red_photo, "--bundle", tiny_path, "--json")
    assert done.exit_code == 1
    refused, found = map(json.loads, done.stdout.splitlines())
    assert "0 bytes" in refused["error"]
    assert found["file"].endswith("red.png")
    assert "1 explained, 1 refused" in done.stderr
    assert run(tmp_path / "empty.jpg", "--bundle", tiny_path).exit_code == 2


def test_two_photos_of_one_name_get_two_pictures(tiny_path: Path, tmp_path: Path) -> None:
    for folder, value in (("a", 10), ("b", 200)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (64, 64), (value, 0, 0)).save(tmp_path / folder / "x.png")
    done = run(tmp_path / "a", tmp_path / "b", "--bundle", tiny_path, "--out", tmp_path / "out", "--json")
    pictures = {json.loads(line)["picture"] for line in done.stdout.splitlines()}
    assert len(pictures) == 2
    assert all(Path(one).is_file() for one in pictures)
    # Given again, they are written again.
    assert run(tmp_path / "a", "--bundle", tiny_path, "--out", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "lyme"], r"'lyme': no such method; did you mean 'lime'\?"),
        (["--method", "gradcam"], "it reads inside the float network, which a bundle does not hold; name the run"),
        (["--samples", "5"], "'cam': it takes no samples"),
        (["--bundle", "x", "--run", "y"], "both name a network"),
        (["--bundle", "nowhere"], r"nowhere.bundle\.json: no such file"),
    ],
)
def test_a_mistake_is_one_line(red_photo: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(MpoxlensError, match=message) as caught:
        run(red_photo, *arguments)
    assert "\n" not in str(caught.value)


def test_no_photo_at_all_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(MpoxlensError, match="no such file"):
        run(tmp_path / "gone.jpg", "--bundle", tmp_path / "nowhere")


def test_a_file_that_is_no_picture_of_ours_is_left_alone(red_photo: Path, tiny_path: Path, tmp_path: Path) -> None:
    (tmp_path / "red.cam.png").write_bytes(red_photo.read_bytes())
    with pytest.raises(MpoxlensError, match="no explanation of ours"):
        run(red_photo, "--bundle", tiny_path, "--out", tmp_path)
    assert (tmp_path / "red.cam.png").read_bytes() == red_photo.read_bytes()


def test_a_folder_that_cannot_be_made_is_one_line(red_photo: Path, tiny_path: Path) -> None:
    with pytest.raises(MpoxlensError, match="no folder can be made there"):
        run(red_photo, "--bundle", tiny_path, "--out", red_photo / "in-a-file")


def test_the_help_names_every_method() -> None:
    text = CliRunner().invoke(explain, ["photo", "--help"]).output
    assert [name for name in methods.METHODS if name not in text] == []


def heat_of(method: str, left: float, right: float) -> Explanation:
    heat = np.zeros((8, 8), np.float32)
    heat[:, :4], heat[:, 4:] = left, right
    return Explanation(heat, method, {}, 0, 0.0, 1, "by hand")


def test_the_picture_shows_both_signs_over_a_photograph_that_stays_visible() -> None:
    grey = np.full((400, 600, 3), 100, np.uint8)
    shown = np.asarray(picture.picture(heat_of("rise", 5, -5), grey))
    assert shown.shape[1] == 600
    assert shown.shape[0] > 400  # the legend
    for column, colour in ((50, FOR), (550, AGAINST)):
        expected = 0.8 * np.array(colour) + 0.2 * 100
        np.testing.assert_allclose(shown[200, column], expected, atol=2)


def test_cam_has_one_scale_and_other_methods_their_own() -> None:
    assert picture.full_colour(heat_of("cam", 1, 0)) == 8
    assert picture.full_colour(heat_of("rise", 0.5, -2)) == 2
    assert picture.full_colour(heat_of("rise", 0, 0)) == 1
    assert picture.place(heat_of("cam", 1, 0)) == ""  # an eighth of full colour is too faint to name
    assert picture.place(heat_of("rise", 0.001, 0)) == "upper left"
    assert picture.place(heat_of("rise", -1, -1)) == ""


def test_a_large_photograph_makes_a_picture_of_bounded_size() -> None:
    shown = picture.picture(heat_of("cam", 8, 0), np.zeros((1000, 3000, 3), np.uint8))
    assert shown.size[0] == picture.SIDE
