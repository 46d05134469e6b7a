"""Fitzpatrick17k, Groh et al. 2021: 16,577 photographs of two atlases, 114 conditions, Fitzpatrick types by annotators.

`fitzpatrick17k.csv` names photographs by the MD5 of their bytes; they lie as `<md5hash>.jpg` in any folder. Type -1 is
unknown. No patient ids: photographs of one person stand apart. What dermatologists said of a sample of the labels
(column `qc`) becomes a flag, such as qc_3_wrongly_labelled.
"""

from __future__ import annotations

from mpoxlens.datasets.sources.nouns import Entry, Found, Layout, word
from mpoxlens.datasets.sources.tables import rows
from mpoxlens.datasets.sources.tree import Tree

TABLE = "fitzpatrick17k.csv"


def _read(tree: Tree) -> Found:
    for where, row in rows(tree.table(TABLE), ("md5hash", "label"), "fitzpatrick17k"):
        path = tree.find(row["md5hash"])
        if path not in tree.known:
            path = f"{path}.jpg"
        tone = row.get("fitzpatrick_scale") or row.get("fitzpatrick", "")
        flags = (f"qc_{word(row['qc'])}",) if row.get("qc") else ()
        yield Entry(where, path, row["label"], tone=tone, flags=flags)


LAYOUT = Layout(
    "fitzpatrick17k",
    lambda tree: tree.table(TABLE) is not None,
    _read,
    licence="CC BY-NC-SA 3.0 (annotations; the photographs belong to their atlases)",
    citation="Groh et al., Evaluating Deep Neural Networks Trained on Clinical Images in Dermatology with the "
    "Fitzpatrick 17k Dataset, CVPR Workshops 2021, doi:10.1109/CVPRW53098.2021.00201",
    labels={"acne_vulgaris": "acne"},
    open_words=True,
)
