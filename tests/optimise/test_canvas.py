"""The network's input from the browser's canvas, and from Pillow.

Page and Android sample repeat Pillow's resampling to the bit: web/test/unit/core.pictures.test.ts and the sample's
PreprocessTest.kt hold them to the same vectors (web/test/vectors/pictures.json). What is left is how a file becomes
pixels.
"""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.bundle import Bundle, default_path
from mpoxlens.datasets.phantom import draw
from mpoxlens.optimise import browser
from mpoxlens.photo import decode_photo
from mpoxlens.schema import Pixels

DIST = Path(__file__).parents[2] / "web" / "node_modules" / "onnxruntime-web" / "dist"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DIST / browser.PARTS[0]).is_file(), reason="the page's packages are missing: `make web`"),
]
# As web/src/ui/shots.ts does it; gives the pixels as RGBA.
DECODE = """
async ({ file, type, step }) => {
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([bytes], { type }));
  await image.decode();
  const [width, height] = [Math.ceil(image.naturalWidth / step), Math.ceil(image.naturalHeight / step)];
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  let text = "";
  for (let n = 0; n < data.length; n += 8192) text += String.fromCharCode(...data.subarray(n, n + 8192));
  return { width, height, rgba: btoa(text) };
}
"""


def on_canvas(tab: browser.Tab, file: bytes, form: str, step: int) -> Pixels:
    given = {"file": base64.b64encode(file).decode(), "type": f"image/{form.lower()}", "step": step}
    found = tab.page.evaluate(DECODE, given)
    rgba = np.frombuffer(base64.b64decode(found["rgba"]), np.uint8)
    return rgba.reshape(found["height"], found["width"], 4)[..., :3]


def saved(pixels: Pixels, form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **({"quality": 90} if form == "JPEG" else {}))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("side", "form", "step", "median", "most"),
    [
        (500, "PNG", 1, 0.0, 0.0),
        (500, "JPEG", 1, 0.0, 0.04),
        (1800, "JPEG", 2, 0.008, 0.04),
        (3000, "JPEG", 4, 0.008, 0.04),
    ],
)
def test_canvas_and_pillow_give_one_input(
    tab: browser.Tab, side: int, form: str, step: int, median: float, most: float
) -> None:
    """In units of the network's input, whose standard deviation is about 1; a grey level is 0.008 to 0.018 of it."""
    drawn = Image.fromarray(draw(7, size=500).pixels).resize((side, side), Image.Resampling.LANCZOS)
    file = saved(np.asarray(drawn), form)
    preprocess = Bundle.load(default_path(), threads=1).spec.preprocess
    ours = decode_photo(file, f"drawn.{form.lower()}").pixels
    theirs = on_canvas(tab, file, form, step)
    assert theirs.shape == ours.shape
    away = np.abs(preprocess(ours) - preprocess(np.ascontiguousarray(theirs)))
    assert float(np.median(away)) <= median
    assert float(away.max()) <= most
