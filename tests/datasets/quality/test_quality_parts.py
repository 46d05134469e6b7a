"""Each measure of quality and junk on a picture made for it, and on its clean twin."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.quality.composition import inside_bands, seam, white_studio
from mpoxlens.datasets.quality.encoding import SCALES, blockiness, grid, jpeg_quality, squash
from mpoxlens.datasets.quality.exposure import exposure
from mpoxlens.datasets.quality.lettering import Reading, lettering, watermark
from mpoxlens.datasets.quality.texture import texture
from mpoxlens.schema import Pixels


def _grainy(seed: int, height: int = 240, width: int = 320) -> Pixels:
    """Rough skin with a camera's grain: what a photograph has and a phantom lacks."""
    rng = np.random.default_rng(seed)
    shade = cv2.resize(rng.normal(0, 18, (height // 12, width // 12)).astype(np.float32), (width, height))
    grain = rng.normal(0, 9, (height, width, 3))
    return np.clip(np.array([176, 128, 104]) + shade[..., None] + grain, 0, 255).astype(np.uint8)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _decoded(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)))


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def test_bands_above_and_below_and_pillars_are_cut_to_the_pixel() -> None:
    framed = np.full((300, 400, 3), (20, 30, 90), dtype=np.uint8)
    framed[30:270, 40:360] = _grainy(1)
    assert np.array_equal(inside_bands(framed), framed[30:270, 40:360])


def test_a_hair_line_outside_a_band_does_not_hide_it() -> None:
    framed = np.full((240, 364, 3), 230, dtype=np.uint8)
    framed[:, 22:342] = _grainy(2)
    framed[:, :2] = framed[:, -2:] = 200
    assert inside_bands(framed).shape == (240, 320, 3)


@pytest.mark.parametrize("shape", [(240, 320), (32, 200)])
def test_a_photograph_without_a_frame_is_left_whole(shape: tuple[int, int]) -> None:
    assert inside_bands(_grainy(3, *shape)).shape[:2] == shape


def test_white_paper_behind_a_person_is_no_frame() -> None:
    studio = _on_paper()
    assert inside_bands(studio).shape == studio.shape
    assert white_studio(studio) > 0.9


def _on_paper() -> Pixels:
    studio = np.full((240, 320, 3), 252, dtype=np.uint8)
    person = np.zeros((240, 320), dtype=np.uint8)
    cv2.ellipse(person, (160, 240), (90, 200), 0, 0, 360, 1, -1)
    return np.where(person[..., None] == 1, _grainy(4), studio)


def test_an_empty_picture_has_no_frame_and_no_seam() -> None:
    blank = np.full((100, 100, 3), 255, dtype=np.uint8)
    assert inside_bands(blank).shape == blank.shape
    assert seam(blank) == 0.0


def test_skin_up_to_the_edge_is_no_studio() -> None:
    assert white_studio(_grainy(5)) == 0.0


def test_two_photographs_side_by_side_have_a_seam_and_one_has_none() -> None:
    dark = (_grainy(6) * 0.5).astype(np.uint8)
    smooth = [cv2.GaussianBlur(one, (5, 5), 0) for one in (_grainy(7), dark)]
    assert seam(np.concatenate(smooth, axis=1)) > 0.9
    assert seam(np.concatenate(smooth, axis=0)) > 0.9
    assert seam(smooth[0]) < 0.2


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_table(quality: int) -> None:
    assert jpeg_quality(_jpeg(_grainy(8), quality)) == pytest.approx(quality, abs=1)


def test_other_formats_and_broken_tables_count_as_uncompressed() -> None:
    buffer = io.BytesIO()
    Image.fromarray(_grainy(9)).save(buffer, "PNG")
    assert jpeg_quality(buffer.getvalue()) == 100.0
    assert jpeg_quality(b"\xff\xd8\xff\xdb\x00\x43\x00\x01") == 100.0
    assert jpeg_quality(b"\xff\xd8\xff\xdb\x00\x00") == 100.0
    assert jpeg_quality(b"") == 100.0


def test_blocks_remain_visible_in_whatever_a_jpeg_is_copied_to_even_when_cropped() -> None:
    hard, light = (_decoded(_jpeg(draw(3, size=256).pixels, quality)) for quality in (10, 95))
    assert blockiness(hard) > 1.5
    assert blockiness(hard[3:-2, 5:-1]) > 1.5
    assert blockiness(light) < 0.5


@pytest.mark.parametrize("quality", [30, 60])
def test_a_jpeg_brought_to_a_square_was_squashed_and_made_smaller_or_larger_was_not(quality: int) -> None:
    pixels = _decoded(_jpeg(_grainy(10, 184, 276), quality))
    assert 1.1 < squash(_resized(pixels, 224, 224), 3.5) < 1.55  # at most by 276 / 184
    for width, height in ((276, 184), (222, 148), (345, 230)):
        assert squash(_resized(pixels, width, height), 3.5) < 1.02


def test_where_no_grid_shows_nothing_is_told() -> None:
    assert squash(_grainy(11, 184, 276), 3.5) == 1.0


def test_the_clearest_grid_is_the_true_one_or_twice_it() -> None:
    grey = cv2.cvtColor(_decoded(_jpeg(_grainy(10, 200, 400), 30)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    clarity = grid(grey)
    assert clarity.max() > 3.5
    assert clarity[np.argmin(np.abs(np.log(SCALES)))] > 0.75 * clarity.max()


def test_an_enlarged_picture_has_less_detail_than_pixels() -> None:
    clean = _grainy(12)
    enlarged = _resized(_resized(clean, 80, 60), 320, 240)
    assert texture(enlarged).fall - texture(clean).fall > 2  # decades


@pytest.mark.parametrize("size", [224, 448])
def test_a_phantom_is_smoother_than_photographs_are(size: int) -> None:
    assert texture(draw(4, size=size).pixels).smooth > 4.4
    assert texture(_grainy(13)).smooth < 2


def test_a_blank_picture_can_be_measured() -> None:
    look = texture(np.full((64, 64, 3), 255, dtype=np.uint8))
    assert look.vivid == 0.0
    assert np.isfinite(look.smooth)


def test_cleanvision_tells_dark_bright_and_odd_shapes_from_a_fair_photograph() -> None:
    fair = exposure(_grainy(14))
    assert fair["brightness"] > 0.32
    assert fair["shade"] > 0.05
    assert fair["sharpness"] > 0.29
    assert fair["aspect"] == 0.75
    assert exposure((_grainy(14) * 0.15).astype(np.uint8))["brightness"] < 0.32
    assert exposure(np.full((64, 64, 3), 250, dtype=np.uint8))["shade"] < 0.05
    assert exposure(_grainy(14)[:50])["aspect"] < 0.35


def test_words_count_as_they_are_read_and_single_letters_less() -> None:
    assert lettering([Reading("Day 5", 0.9, 0.4)]) == 0.9
    assert lettering([Reading("B", 0.95, 0.1)]) == pytest.approx(0.75)
    assert lettering([Reading("M", 0.97, 0.5)]) == 0.0  # a torso
    assert lettering([Reading("雪", 0.8, 0.1)]) == 0.0  # a lesion
    assert lettering([]) == 0.0


def test_owners_are_known_although_misread_and_captions_are_not_owners() -> None:
    assert watermark([Reading("gettylmages", 0.9, 0.1)]) > 0.75
    assert watermark([Reading("shutterstock.com - 1", 0.9, 0.1)]) == 1.0
    assert watermark([Reading("Lesiones por viruela", 0.9, 0.1)]) < 0.6
    assert watermark([Reading("A", 0.9, 0.1)]) == 0.0
