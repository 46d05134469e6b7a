"""The page of an audit: what gives a label away without the disease, in words, figures and pictures of many.

It stands alone: no request leaves the reader's machine. No single photograph is shown, only means and distributions
of at least `LEAST` of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from mpoxlens.datasets.audit.cue_texts import ABOUT
from mpoxlens.datasets.audit.cues import pictures
from mpoxlens.datasets.audit.probe import BLIND, Reading
from mpoxlens.schema import ImageRecord, Pixels
from mpoxlens.screening.output import write_whole
from mpoxlens.screening.report import csp_hash, data_uri

if TYPE_CHECKING:
    from jinja2 import Template

    from mpoxlens.datasets.audit.audit import Audit

LEAST = 5  # photographs behind whatever is drawn
BINS = 24
SHOWN_SIDE = 96  # px of a mean picture
STRONG, CLEAR = 0.80, 0.65  # AUROC from which the words change


def write_page(found: Audit, records: Sequence[ImageRecord], table: pa.Table, path: Path) -> None:
    """Write the page of an audit; `table` holds the cues [N] of the records."""
    names = np.array([record.label for record in records])
    asked, against = found.questions[0]
    order = dict.fromkeys((asked, *against, *sorted(set(names.tolist()))))
    labels = {label: names == label for label in order if (names == label).sum() >= LEAST}
    text = _template().render(
        audit=found,
        asked=asked,
        against=against,
        verdict=list(_verdict(found)),
        sections=[_section(one, table, labels, records) for one in found.rows if one.cue in ABOUT],
        turned=[one.cue for one in found.rows if turned_round(one)],
        few=[label for label in order if label not in labels],
        least=LEAST,
    )

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8", newline="\n")

    write_whole(path, write)


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"csp": csp_hash, "short": short, "words": words, "strength": strength, "listed": listed}
    page.filters |= {"at": at, "past_half": lambda value: _per_cent(max(value, 0.5) - 0.5)}
    source = resources.files("mpoxlens") / "datasets" / "audit" / "page.html.jinja"
    return page.from_string(source.read_text(encoding="utf-8"))


def short(value: float) -> str:
    """Return an AUROC as papers print it: .69."""
    return f"{value:.2f}".removeprefix("0")


def at(value: float) -> str:
    """Return where an AUROC stands on a scale from .3 to 1, in per cent."""
    return _per_cent(min(max(value, 0.3), 1) - 0.3)


def _per_cent(width: float) -> str:
    return f"{100 * width / 0.7:.2f}%"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def strength(reading: Reading) -> int:
    """Return 0 where a cue tells no more than chance does, up to 3 where it tells most of the label."""
    return int(reading.readable) + int(reading.readable and reading.auroc >= CLEAR) + int(
        reading.readable and reading.auroc >= STRONG
    )  # fmt: skip


def turned_round(reading: Reading) -> bool:
    """Whether a cue is clearly below a coin: what is learned of some clusters turns round in others."""
    return reading.high < 0.5


def words(reading: Reading) -> str:
    """Return what an AUROC means for a model."""
    if turned_round(reading):
        return "read as chance: turned round between folds"
    means = ("no more than chance gives", "a little of the label", "a model may read it", "most of the label")
    return means[strength(reading)]


def _verdict(found: Audit) -> Iterator[str]:
    """Give the answer in sentences."""
    rows = {one.cue: one for one in found.rows}
    label, others = found.questions[0]
    told = f"{label} from {listed(others)}"
    blind = rows[BLIND]
    if blind.readable:
        yield f"Cues that hardly see the rash tell {told} with AUROC {_figure(blind)}: {words(blind)}."
    else:
        yield f"Cues that hardly see the rash tell {told} no better than chance: AUROC {_figure(blind)}."
    single = [one for one in found.rows if one.cue in ABOUT and one.readable]
    for one in single[:3]:
        yield f"{one.cue[0].upper()}{one.cue[1:]} alone gives {_figure(one)}: {words(one)}."
    tone = rows["skin tone"]
    if tone.readable and tone not in single[:3]:
        yield f"Skin tone alone gives {_figure(tone)}: {words(tone)}."
    if blind.readable or single:
        yield "A model that reaches no more than these figures has not been shown to look at the disease."


def _figure(one: Reading) -> str:
    return f"{short(one.auroc)} [{short(one.low)}–{short(one.high)}]"


def _section(
    one: Reading, table: pa.Table, labels: dict[str, NDArray[np.bool_]], records: Sequence[ImageRecord]
) -> dict[str, Any]:
    about = ABOUT[one.cue]
    return {
        "one": one,
        "about": about,
        "histograms": _histograms(table, about.measure, labels) if about.measure else [],
        "swatches": list(_swatches(table, about.colour, labels)) if about.colour else [],
        "pictures": list(_pictures(table, about.picture, labels)) if about.picture else [],
        "shares": list(_shares(records, labels)) if one.cue == "source" else [],
    }


def _histograms(table: pa.Table, measure: str, labels: dict[str, NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """Return each label's distribution between the first and the last hundredth of all, and its median."""
    values = table.column(measure).to_numpy().astype(np.float64)
    if np.isnan(values).all():
        return []
    low, high = (float(v) for v in np.nanquantile(values, (0.01, 0.99)))
    high = max(high, low + 1e-6)
    shown = {label: known for label, mine in labels.items() if len(known := _known(values[mine])) >= LEAST}
    shares = {label: np.histogram(v.clip(low, high), BINS, (low, high))[0] / len(v) for label, v in shown.items()}
    top = max((float(share.max()) for share in shares.values()), default=1.0)
    found = []
    for label, share in shares.items():
        median = float(np.median(shown[label]))
        place = 100 * (min(max(median, low), high) - low) / (high - low)
        bars = [round(40 * height / top, 1) for height in share.tolist()]
        found.append({"label": label, "bars": bars, "median": median, "place": place, "low": low, "high": high})
    return found


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]


def _swatches(table: pa.Table, name: str, labels: dict[str, NDArray[np.bool_]]) -> Iterator[dict[str, Any]]:
    for label, mine in labels.items():
        colours = np.column_stack([table.column(f"{name}_{c}").to_numpy()[mine] for c in ("red", "green", "blue")])
        known = colours[~np.isnan(colours).any(axis=1)]
        if len(known) >= LEAST:
            red, green, blue = (round(float(v)) for v in known.mean(axis=0))
            yield {"label": label, "hex": f"#{red:02x}{green:02x}{blue:02x}", "rgb": (red, green, blue)}


def _pictures(table: pa.Table, name: str, labels: dict[str, NDArray[np.bool_]]) -> Iterator[dict[str, Any]]:
    """Give the mean picture of each label; photographs without a background have no part in a background's."""
    some = table.column("background_red").to_numpy() if name == "background_picture" else np.zeros(len(table))
    for label, mine in labels.items():
        used = mine & ~np.isnan(some)
        if used.sum() >= LEAST:
            mean = pictures(table.column(name).filter(pa.array(used))).mean(axis=0, dtype=np.float64)
            yield {
                "label": label,
                "count": int(used.sum()),
                "uri": data_uri(_enlarged(mean.round().astype(np.uint8)), "PNG"),
            }


def _enlarged(mean: Pixels) -> Image.Image:
    return Image.fromarray(mean).resize((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BICUBIC)


def _shares(records: Sequence[ImageRecord], labels: dict[str, NDArray[np.bool_]]) -> Iterator[dict[str, Any]]:
    sources = np.array([record.source for record in records])
    for label, mine in labels.items():
        yield {"label": label, "shares": {name: float((sources[mine] == name).mean()) for name in np.unique(sources)}}
