"""Mpox Skin Lesion Dataset v2.0 (MSLD v2.0), Ali et al. 2024: 755 photographs of 541 patients in six classes.

`Original Images/…/FOLDS/fold1/Train|Valid|Test/<Class>/MKP_17_01.jpg`: class, patient, image; patients are numbered
anew in each class. Every photograph lies in each of the five folds; it is read once, and its fold is the one whose
`Test` folder holds it. `Augmented Images` is left out. The publisher's page shows a badge of Creative Commons and no
version, so no licence is recorded.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Iterator

from mpoxlens.datasets.sources.folders import class_of
from mpoxlens.datasets.sources.nouns import AUGMENTED, Entry, Found, Layout, LeftOut, word
from mpoxlens.datasets.sources.tree import Tree
from mpoxlens.errors import DataError

LABELS = {
    "monkeypox": "mpox",
    "mpox": "mpox",
    "mkp": "mpox",
    "chickenpox": "chickenpox",
    "chp": "chickenpox",
    "cowpox": "cowpox",
    "cwp": "cowpox",
    "hfmd": "hand_foot_and_mouth",
    "measles": "measles",
    "msl": "measles",
    "healthy": "healthy",
}
_NAME = re.compile(r"(?P<patient>(?P<code>MKP|CHP|CWP|HFMD|MSL|HEALTHY)_\d+)_\d+\.\w+", re.IGNORECASE)
_TESTED = re.compile(r"(?:^|/)(fold\d+)/test/", re.IGNORECASE)


def _matches(tree: Tree) -> bool:
    return any(_NAME.fullmatch(path.rpartition("/")[2]) for path in tree.photos)


def _read(tree: Tree) -> Found:
    named: dict[str, list[str]] = {}
    for path in tree.photos:
        named.setdefault(path.rpartition("/")[2].upper(), []).append(path)
    repeated: list[str] = []
    for first, *others in named.values():
        same = [path for path in others if filecmp.cmp(tree.root / first, tree.root / path, shallow=False)]
        repeated += same
        yield _entry(tree, first, (first, *same))
        yield from _differing(first, [path for path in others if path not in same])
    if repeated:
        yield LeftOut(tuple(repeated), "the same file in another fold", "nothing to mend")


def _entry(tree: Tree, path: str, copies: tuple[str, ...]) -> Entry | DataError:
    name = _NAME.fullmatch(path.rpartition("/")[2])
    if name and LABELS.get(word(class_of(path)), "") not in ("", LABELS[name["code"].lower()]):
        why = f"it is {name['code']} by its name, and in the folder {class_of(path)}"
        return DataError(tree.at(path), why, "move it")
    tested = sorted({found[1].lower() for copy in copies if (found := _TESTED.search(copy))})
    patient = name["patient"].upper() if name else ""
    return Entry(tree.at(path), path, class_of(path), patient=patient, fold="+".join(tested))


def _differing(first: str, others: list[str]) -> Iterator[LeftOut]:
    if others:
        yield LeftOut(tuple(others), f"the name of {first}, and another content", "rename it or keep one of them")


LAYOUT = Layout(
    "msld_v2",
    _matches,
    _read,
    citation="Ali et al., A web-based Mpox skin lesion detection system using state-of-the-art deep learning models "
    "considering racial diversity, Biomedical Signal Processing and Control 98:106742, 2024, "
    "doi:10.1016/j.bspc.2024.106742",
    labels=LABELS,
    copies={r"augment|folds_aug": AUGMENTED},
)
