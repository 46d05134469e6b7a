"""What cleanvision measures on one photograph: darkness, glare, blur, information, odd shape.

Its `Imagelab` reads whole folders by itself, without our limits on what is decoded, and tells its progress on standard
output; the classes beneath it, one a property, take one picture and are what it calls. Thresholds are `Imagelab`'s.
"""

from __future__ import annotations

import pandas as pd
from cleanvision.issue_managers.image_property import (
    AspectRatioProperty,
    BlurrinessProperty,
    BrightnessProperty,
    EntropyProperty,
    ImageProperty,
)
from PIL import Image

from mpoxlens.schema import Pixels

# measure: property, issue, and what Imagelab passes to its score
_PROPERTIES: dict[str, tuple[ImageProperty, str, dict[str, float]]] = {
    "brightness": (BrightnessProperty("dark"), "dark", {}),
    "sharpness": (BlurrinessProperty(), "blurry", {"normalizing_factor": 0.01, "color_threshold": 0.18}),
    "information": (EntropyProperty(), "low_information", {"normalizing_factor": 0.1}),
    "aspect": (AspectRatioProperty(), "odd_aspect_ratio", {}),
}
_SHADE = BrightnessProperty("light")  # scored from what the first of them measures


def exposure(pixels: Pixels) -> dict[str, float]:
    """Return cleanvision's scores of a picture [H, W, 3], each 0 (bad) to 1, by name."""
    image = Image.fromarray(pixels)
    raw = {name: pd.DataFrame([measure.calculate(image)]) for name, (measure, _, _) in _PROPERTIES.items()}
    scores = {
        name: measure.get_scores(raw[name], issue, **factors) for name, (measure, issue, factors) in _PROPERTIES.items()
    }
    scores["shade"] = _SHADE.get_scores(raw["brightness"], "light")
    return {name: float(score.iloc[0, 0]) for name, score in scores.items()}
