"""Diverse Dermatology Images (DDI), Daneshjou et al. 2022: 656 biopsied lesions, skin tone in three bands.

`ddi_metadata.csv` (`DDI_file`, `skin_tone` 12, 34 or 56, `disease`), photographs beside it or in a folder. The table
names no patients, though some have more than one photograph.
"""

from __future__ import annotations

from mpoxlens.datasets.sources.nouns import Entry, Found, Layout
from mpoxlens.datasets.sources.tables import rows
from mpoxlens.datasets.sources.tree import Tree

TABLE = "ddi_metadata.csv"


def _read(tree: Tree) -> Found:
    for where, row in rows(tree.table(TABLE), ("ddi_file", "skin_tone", "disease"), "ddi"):
        yield Entry(where, tree.find(row["ddi_file"]), row["disease"], tone=row["skin_tone"])


LAYOUT = Layout(
    "ddi",
    lambda tree: tree.table(TABLE) is not None,
    _read,
    licence="Stanford University Dataset Research Use Agreement",
    citation="Daneshjou et al., Disparities in dermatology AI performance on a diverse, curated clinical image set, "
    "Science Advances 8(32):eabq6147, 2022, doi:10.1126/sciadv.abq6147",
    labels={},
    open_words=True,
)
