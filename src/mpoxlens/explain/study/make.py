"""Make a study's folder: photographs drawn anew, maps drawn alike, and a key that the page never opens."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mpoxlens import __version__
from mpoxlens.bundle import Bundle
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.explain.nouns import Subject
from mpoxlens.explain.study.folder import Case, Key, Study, Truth, write_study
from mpoxlens.explain.study.plan import assign_blocks
from mpoxlens.explain.study.questions import UNAIDED
from mpoxlens.explain.study.sources import Source
from mpoxlens.rules import sigmoid
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.heatmap import AGAINST, FOR, MAX_ALPHA
from mpoxlens.screening.output import unwritten, write_whole

SIDE = 1024  # px of the longer side of what readers see
QUALITY = 92
GRAIN = 28  # cells a side of every map: coarser or finer ones would give their method away
PICTURE = 448  # px a side of a map's picture, which the page stretches over the photograph
WASHOUT_DAYS = 28  # usual between two readings of a case (FDA guidance on reader studies of detection devices, 2022)

PARTS, WRITTEN = ("cases", "maps", "answers"), ("study.json", "key.json")

Explain = Callable[[Floats, str], Floats]  # input [3, S, S], method -> heat [S, S]


@dataclass(frozen=True)
class Settings:
    """How a study is made."""

    methods: tuple[str, ...] = ("cam",)
    """One arm each; every reader reads every case once without a map and once with each."""

    seed: int = 1
    """Of the neutral ids, the blocks, the order of reading, and of what is random in a method."""

    washout_days: int = WASHOUT_DAYS
    """Days between two sessions, at least."""

    def __post_init__(self) -> None:
        """Refuse what makes no study."""
        if not self.methods or len(set(self.methods)) != len(self.methods):
            raise DataError("--method", "none is named, or one twice", "name each method once")
        if self.washout_days < 0:
            raise DataError(f"--washout-days {self.washout_days}", "below 0", "name 0 or more days")


def make(
    folder: Path,
    labels: Sequence[str],
    sources: Iterable[Source],
    bundle: Bundle,
    settings: Settings,
    explain: Explain,
    key_path: Path | None = None,
    tell: Tell = silent,
) -> Study:
    """Make a study.

    Args:
        folder: a new or empty one.
        labels: of all sources, in their order; known before any is decoded.
        sources: photographs or phantoms, taken one by one.
        bundle: gives the score.
        settings: see there.
        explain: gives the maps, see `explainer`.
        key_path: where the key goes; into the folder by default.
        tell: is told of progress.

    Raises:
        DataError: the folder holds something, or one of the truths is missing.
        PhotoError: a photograph cannot be read.
        MpoxlensError: something cannot be written.
    """
    _check_truths(labels, bundle.spec.positive)
    _check_empty(folder)
    with ExitStack() as undo:
        undo.callback(_clear, folder, new=not folder.exists())
        _begin(folder)
        study = _filled(folder, labels, sources, bundle, settings, explain, key_path or folder / "key.json", tell)
        undo.pop_all()  # it is whole
    return study


def _filled(
    folder: Path,
    labels: Sequence[str],
    sources: Iterable[Source],
    bundle: Bundle,
    settings: Settings,
    explain: Explain,
    key_path: Path,
    tell: Tell,
) -> Study:
    arms, names = _arms(settings), _neutral(labels, settings.seed)
    truths, cases = {}, []
    for name, one in zip(names, sources, strict=True):
        truths[name] = Truth(one.label == bundle.spec.positive, one.label, one.sha256, one.group or name)
        cases.append(_case(folder, name, one, bundle, arms, explain))
        tell("cases", len(cases), len(names))
    blocks = assign_blocks({name: truths[name].mpox for name in sorted(names)}, len(arms), settings.seed)
    cases = [replace(case, block=blocks[case.id]) for case in sorted(cases, key=lambda case: case.id)]
    identity = _identity(truths, arms, settings)
    study = Study(folder, identity, tuple(arms), tuple(cases), settings.seed, settings.washout_days)
    about = {"bundle": f"{bundle.spec.name} {bundle.spec.version} {bundle.sha256}", "mpoxlens": __version__}
    methods = {arm: method for arm, method in arms.items() if method}
    write_study(study, Key(identity, dict(sorted(truths.items())), methods, about), key_path)
    return study


def explainer(subject: Subject, settings: Settings) -> Explain:
    """Return what gives the maps of a network by the methods of `mpoxlens.explain`.

    Raises:
        DataError: a method is unknown, or not to be had of this network.
    """
    from mpoxlens.explain.methods import chosen, explain
    from mpoxlens.explain.subject import TorchSubject

    for method in settings.methods:
        chosen(method, None, gradients=isinstance(subject, TorchSubject))
    return lambda given, method: explain(subject, given, method, settings.seed).heat


def grained(heat: Floats) -> Floats:
    """Return a map as it is shown: [GRAIN, GRAIN], averaged, at most 1 in size; all 0 where it says nothing.

    Methods have units of their own, so each map is scaled by its own strongest place.
    """
    coarse = Image.fromarray(np.asarray(heat, np.float32)).resize((GRAIN, GRAIN), Image.Resampling.BOX)
    values = np.asarray(coarse, np.float32)
    top = float(np.abs(values).max())
    return np.asarray(values / top if top > 0 and np.isfinite(top) else np.zeros_like(values))


def picture(shown: Floats) -> Pixels:
    """Return a grained map as RGBA [PICTURE, PICTURE, 4], in the colours of `screening.heatmap`."""
    smooth = np.asarray(Image.fromarray(shown).resize((PICTURE, PICTURE), Image.Resampling.BILINEAR))
    rgba = np.empty((*smooth.shape, 4), np.uint8)
    rgba[..., :3] = np.where((smooth > 0)[..., None], np.array(FOR, np.uint8), np.array(AGAINST, np.uint8))
    rgba[..., 3] = np.rint(255 * MAX_ALPHA * np.clip(np.abs(smooth), 0, 1))
    return rgba


def _check_empty(folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(str(folder), "it exists and is no empty folder", "name a new one")
    except OSError as error:
        raise unwritten(folder, error) from None


def _begin(folder: Path) -> None:
    try:
        for name in PARTS:
            (folder / name).mkdir(parents=True)
    except OSError as error:
        raise unwritten(folder, error) from None


def _clear(folder: Path, *, new: bool) -> None:
    """Take away what a study that failed has left, and nothing that was there before."""
    if new:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in WRITTEN:
        (folder / name).unlink(missing_ok=True)


def _arms(settings: Settings) -> dict[str, str]:
    """Method of each arm, "" of the one without a map; the numbers of the arms say nothing of the methods."""
    order = np.random.default_rng(settings.seed).permutation(len(settings.methods))
    return {UNAIDED: ""} | {f"map{i + 1}": settings.methods[chosen] for i, chosen in enumerate(order)}


def _neutral(labels: Sequence[str], seed: int) -> list[str]:
    """Ids in an order that has nothing to do with the photographs' own."""
    return [f"c{place + 1:03d}" for place in np.random.default_rng((seed, len(labels))).permutation(len(labels))]


def _identity(truths: dict[str, Truth], arms: dict[str, str], settings: Settings) -> str:
    known = [sorted((case, truth.sha256) for case, truth in truths.items()), sorted(arms.items()), settings.seed]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def _check_truths(labels: Sequence[str], positive: str) -> None:
    found = sum(label == positive for label in labels)
    if not 0 < found < len(labels):
        why = f"{found} of {len(labels)} are labelled {positive}, but sensitivity and specificity need both"
        raise DataError("the photographs", why, f"name some in a folder {positive} (or so in a table), and some others")


def _case(folder: Path, name: str, one: Source, bundle: Bundle, arms: dict[str, str], explain: Explain) -> Case:
    photo = Image.fromarray(one.pixels)
    photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    _save(photo, folder / "cases" / f"{name}.jpg", "JPEG", quality=QUALITY, subsampling=0)
    given = bundle.spec.preprocess(one.pixels)
    for arm, method in arms.items():
        if method:
            shown = grained(explain(given, method))
            _save(Image.fromarray(picture(shown)), folder / "maps" / f"{name}-{arm}.png", "PNG")
            write_whole(folder / "maps" / f"{name}-{arm}.npy", _numbers(shown))
    return Case(name, photo.width, photo.height, 0, round(_score(bundle, given), 4))


def _score(bundle: Bundle, given: Floats) -> float:
    spec = bundle.spec
    odds = spec.calibration.log_odds(bundle.run(given[None]).logits, spec.labels.index(spec.positive))
    return float(sigmoid(odds)[0])


def _save(image: Image.Image, path: Path, form: str, **how: int) -> None:
    write_whole(path, lambda part: image.save(part, form, **how))


def _numbers(shown: Floats) -> Callable[[Path], None]:
    def write(part: Path) -> None:
        with part.open("wb") as file:  # a path would get the suffix .npy once more
            np.save(file, shown.astype(np.float16), allow_pickle=False)

    return write
