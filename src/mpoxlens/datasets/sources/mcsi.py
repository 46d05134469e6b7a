"""Mpox Close Skin Images (MCSI), Campana et al. 2023: 400 photographs, acne, chickenpox, mpox and normal skin.

Known from the paper and from public code; the exact names of the folders were not seen, so the usual spellings of the
four classes are taken. Recognised by the publisher's words and by being no more than 400, so that a folder of one's
own is not taken for it. No patient ids. The licence was not seen either: read it where you download.
"""

from __future__ import annotations

from mpoxlens.datasets.sources.folders import by_folder, has_exactly
from mpoxlens.datasets.sources.nouns import Layout
from mpoxlens.datasets.sources.tree import Tree

LABELS = {
    "acne": "acne",
    "chickenpox": "chickenpox",
    "monkeypox": "mpox",
    "mpox": "mpox",
    "normal": "healthy",
    "healthy": "healthy",
}


def _matches(tree: Tree) -> bool:
    return has_exactly(tree, LABELS) and "normal" in tree.class_folders and len(tree.photos) <= 400


LAYOUT = Layout(
    "mcsi",
    _matches,
    by_folder,
    citation="Campana et al., A transfer learning and explainable solution to detect mpox from smartphones images, "
    "Pervasive and Mobile Computing, 2024, doi:10.1016/j.pmcj.2023.101874",
    labels=LABELS,
)
