"""What each cheap cue is, and what to do about a label that it tells."""

from __future__ import annotations

from dataclasses import dataclass

from mpoxlens.datasets.audit.cues import CELLS


@dataclass(frozen=True)
class About:
    """What a cue is, what to do about it, and which measure is drawn of it."""

    meaning: str
    mend: str
    measure: str = ""
    unit: str = ""
    colour: str = ""  # measures `colour`_red, _green and _blue are drawn as a swatch
    picture: str = ""


ABOUT = {
    "encoding": About(
        "How the file was written: format, bytes a pixel, JPEG tables and chroma subsampling, PNG colour type, colour "
        "profile, EXIF. Bytes a pixel grow with detail, so a busy picture shows here too.",
        "Send the photographs of every label the same way: decode, resize with one filter, and re-encode at random "
        "qualities while training.",
        measure="bytes_per_pixel", unit="bytes a pixel",
    ),
    "size": About(
        "Width, height and their ratio, as stored.",
        "Crop before resizing instead of squashing, and train at random scales.",
        measure="aspect", unit="width over height",
    ),
    "border ring": About(
        "Colour and deviation of the outer 5 % of the picture: frames, paper, studio walls.",
        "Crop to the skin, and remove frames, which mpoxlens data quality flags.",
        measure="border_deviation", unit="grey levels of deviation", colour="border",
    ),
    "corners": About(
        "Colour of the four corners, and how much they differ: vignettes, stamps, white paper.",
        "Crop to the skin, or fill what is not skin with noise while training.",
        measure="corners_spread", unit="grey levels between corners", colour="corners",
    ),
    "background": About(
        "Colour, deviation and share of what is not skin and joins the edge of the picture.",
        "Crop to the skin, or replace the background while training; look for negatives in the same settings.",
        measure="background_share", unit="share of the picture", colour="background",
    ),
    "background picture": About(
        f"A picture of {CELLS} x {CELLS} cells from which the skin is taken away, and its outline as far as may be.",
        "As for the background. Test on photographs of another place.",
        picture="background_picture",
    ),
    "framing": About(
        "How much of the picture is skin: a close look at a limb, or a portrait.",
        "Crop every label to the same share of skin; report on close photographs alone.",
        measure="skin_share", unit="share of the picture",
    ),
    "source": About(
        "The collection that a photograph came from. Where a label comes from one collection alone, every habit of "
        "that collection becomes the label.",
        "Take each label from several sources, and test with one source left out.",
    ),
    "mean colour": About(
        "The mean colour of the whole picture: white balance, skin and background at once. A wide rash reddens it.",
        "Change white balance and lightness at random while training.",
        measure="mean_red", unit="red, 0 to 255", colour="mean", picture="picture",
    ),
    "skin tone": About(
        "The individual typology angle of the middle of the picture (Chardon et al. 1991): above 55° very light, below "
        "-30° dark. Light and lesions move it by some degrees.",
        "Report the model's AUROC within bands of tone, and count a gain that vanishes there as none. Add photographs "
        "of the tones that a label lacks.",
        measure="typology_angle", unit="degrees",
    ),
    "brightness": About(
        "Mean lightness, contrast, darkest and brightest parts. Skin tone and exposure cannot be told apart here.",
        "Change exposure and contrast at random while training.",
        measure="brightness", unit="grey level, 0 to 255",
    ),
    "sharpness": About(
        "Fine detail at 256 pixels a side: focus, enlargement, noise. Lesions have edges too.",
        "Blur and resize at random while training; report on sharp photographs alone.",
        measure="detail", unit="grey levels",
    ),
}  # fmt: skip
