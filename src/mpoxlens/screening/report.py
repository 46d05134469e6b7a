"""Write one HTML file that shows and explains screenings. It stands alone: no request leaves the reader's machine."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from PIL import Image

from mpoxlens.photo import read_photo
from mpoxlens.rules import Conformal
from mpoxlens.schema import INTENDED_USE, Decision, Photo, Screening
from mpoxlens.screening import heatmap
from mpoxlens.screening.combine import Examined, JointScreening
from mpoxlens.screening.output import unwritten

if TYPE_CHECKING:
    from jinja2 import Template

PHOTO_SIDE = 768  # px of the longer side in the report
HEAT_SIDE = 224  # px; the map has some 7 x 7 cells, the browser smooths the rest
SHAPES = {Decision.LIKELY: "likely", Decision.UNLIKELY: "unlikely", Decision.CANNOT_TELL: "unsure"}


def write_report(
    screenings: Sequence[tuple[Screening, Photo | Iterable[Photo]]],
    path: Path,
    *,
    conformal: Conformal | None = None,
    refused: Sequence[str] = (),
) -> None:
    """Write the report of one or more screenings, wholly or not at all.

    Photographs are scaled to at most `PHOTO_SIDE` and encoded anew, so no metadata of the file gets into the report.

    Args:
        screenings: each with its photograph; a `JointScreening` with its photographs, in their order and maybe lazy.
        path: of the HTML file, replaced when it exists.
        conformal: of the bundle; with it the bars show the zone in which the answer is "cannot tell".
        refused: a line for each file that could not be screened.

    Raises:
        OSError: the file cannot be written; what stood at `path` before is untouched.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", errors="xmlcharrefreplace", newline="\n") as file:
            for text in _render(screenings, conformal, refused):
                file.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def save_together(
    screenings: Sequence[Screening], path: Path, conformal: Conformal, refused: Sequence[str] = ()
) -> None:
    """Write the report of a person's photographs screened together; they are read again, one at a time.

    Raises:
        MpoxlensError: it cannot be written, or a photograph cannot be read any more.
    """
    shown = [(one, map(read_photo, [shot.file for shot in photos_of(one)])) for one in screenings]
    try:
        write_report(shown, path, conformal=conformal, refused=refused)
    except OSError as error:
        raise unwritten(path, error) from None


def photos_of(screening: Screening) -> tuple[Examined, ...]:
    """Return each photograph of a screening with what it gave by itself."""
    if isinstance(screening, JointScreening):
        return screening.photos
    s = screening
    return (Examined(s.file, s.provenance.photo_sha256, s.gate, None, s.classification),)


def _render(
    screenings: Sequence[tuple[Screening, Photo | Iterable[Photo]]], conformal: Conformal | None, refused: Sequence[str]
) -> Iterator[str]:
    """Give the page piece by piece, so that one photograph at a time is encoded."""
    return _template().generate(
        index=[_headline(screening) for screening, _ in screenings],
        cases=(_case(screening, photo, conformal) for screening, photo in screenings),
        refused=refused,
        scale=heatmap,
        intended_use=INTENDED_USE,
        written=datetime.now(UTC),
    )


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"csp": csp_hash, "percent": percent, "hundred": hundred, "effect": effect, "words": words}
    source = resources.files("mpoxlens") / "screening" / "report.html.jinja"
    return page.from_string(source.read_text(encoding="utf-8"))


def _headline(screening: Screening) -> dict[str, Any]:
    return {
        "s": screening,
        "name": ", ".join(_name(shot) for shot in photos_of(screening)),
        "shape": SHAPES[screening.decision],
    }


def _name(shot: Examined) -> str:
    return PurePath(shot.file).name or shot.file


def _case(screening: Screening, photos: Photo | Iterable[Photo], conformal: Conformal | None) -> dict[str, Any]:
    """Return what the template shows of one screening."""
    positive = positive_index(screening)
    shown = [photos] if isinstance(photos, Photo) else photos
    pictures = [_picture(shot, photo, positive) for shot, photo in zip(photos_of(screening), shown, strict=True)]
    return _headline(screening) | {
        "pictures": pictures,
        "zone": undecided(conformal, screening.operating_point) if conformal else None,
        "classes": sorted(screening.classification.probabilities.items(), key=lambda item: -item[1]),
        "positive": list(screening.classification.probabilities)[positive],
    }


def _picture(shot: Examined, photo: Photo, positive: int) -> dict[str, Any]:
    """Return what the template shows of one photograph."""
    picture = Image.fromarray(photo.pixels)
    picture.thumbnail((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.LANCZOS)
    heat = picture.copy()
    heat.thumbnail((HEAT_SIDE, HEAT_SIDE))
    cam = shot.found.cam
    return {
        "shot": shot,
        "name": _name(shot),
        "width": picture.width,
        "height": picture.height,
        "photo": data_uri(picture, "JPEG"),
        "heat": data_uri(Image.fromarray(heatmap.overlay(cam, positive, heat.size)), "PNG"),
        "strongest": heatmap.strongest(cam, positive),
        "cells": cam.shape[1:],
        "margin": float(heatmap.evidence(cam, positive).mean()),
        "alone": list(shot.found.probabilities.values())[positive],
        "left_out": [reason.text for reason in (*shot.gate.reasons, shot.strange) if reason],
        "original": (photo.width, photo.height),
    }


def undecided(conformal: Conformal, operating_point: float) -> tuple[float, float]:
    """Return the probabilities between which the decision is "cannot tell", whatever else is known.

    Below, the prediction set is "other" alone and the probability is under the operating point; above, the reverse.
    """
    edges = (conformal.mpox_from, conformal.other_to, operating_point)
    return max(min(edges), 0.0), min(max(edges), 1.0)


def positive_index(screening: Screening) -> int:
    """Return the positive class's place among the logits: the label "mpox", or the one that has the photo's score."""
    probabilities = screening.classification.probabilities
    labels = list(probabilities)
    if "mpox" in labels:
        return labels.index("mpox")
    gaps = [abs(probability - screening.photo_probability) for probability in probabilities.values()]
    return gaps.index(min(gaps))


def data_uri(image: Image.Image, form: str) -> str:
    """Encode an image anew, without metadata, into a `data:` address."""
    buffer = io.BytesIO()
    image.save(buffer, form, quality=82, optimize=True)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def csp_hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows this one inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def percent(probability: float) -> str:
    """Return a whole percentage; never 0 % or 100 %, which no photograph can give."""
    whole = round(100 * probability)
    if whole < 1:
        return "under 1\N{NO-BREAK SPACE}%"
    return f"{whole}\N{NO-BREAK SPACE}%" if whole < 100 else "over 99\N{NO-BREAK SPACE}%"


def hundred(probability: float) -> str:
    """Return a probability as a natural frequency: "about 42 of 100"."""
    whole = round(100 * probability)
    if whole < 1:
        return "fewer than 1 of 100"
    return f"about {whole} of 100" if whole < 100 else "more than 99 of 100"


def effect(likelihood_ratio: float) -> str:
    """Return in words what a likelihood ratio does to the odds."""
    if abs(likelihood_ratio - 1) < 0.005:
        return "no change"
    if likelihood_ratio > 1:
        return f"{likelihood_ratio:.3g} times higher"
    return f"{1 / likelihood_ratio:.3g} times lower"


def words(name: str) -> str:
    """Return a machine's name as words: "skin_share" becomes "Skin share"."""
    spaced = name.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]
