"""PAD-UFES-20, Pacheco et al. 2020: 2,298 smartphone photographs of 1,373 patients, six kinds of skin lesion.

`metadata.csv` (`patient_id`, `img_id`, `diagnostic`, and `fitspatrick`, written so); photographs in `imgs_part_1` to
`imgs_part_3`, nested once more in some downloads.
"""

from __future__ import annotations

from mpoxlens.datasets.sources.nouns import Entry, Found, Layout
from mpoxlens.datasets.sources.tables import rows
from mpoxlens.datasets.sources.tree import Tree

TABLE = "metadata.csv"


def _matches(tree: Tree) -> bool:
    """The table's name is everyone's; photographs named PAT_… are this set's alone."""
    return tree.table(TABLE) is not None and any(path.rpartition("/")[2].startswith("PAT_") for path in tree.photos)


def _read(tree: Tree) -> Found:
    for where, row in rows(tree.table(TABLE), ("patient_id", "img_id", "diagnostic"), "pad_ufes_20"):
        path, tone = tree.find(row["img_id"]), row.get("fitspatrick", "")
        yield Entry(where, path, row["diagnostic"], patient=row["patient_id"], tone=tone)


LAYOUT = Layout(
    "pad_ufes_20",
    _matches,
    _read,
    licence="CC BY 4.0",
    citation="Pacheco et al., PAD-UFES-20: A skin lesion dataset composed of patient data and clinical images "
    "collected from smartphones, Data in Brief 32:106221, 2020, doi:10.1016/j.dib.2020.106221",
    labels={
        "ack": "actinic_keratosis",
        "bcc": "basal_cell_carcinoma",
        "mel": "melanoma",
        "nev": "nevus",
        "scc": "squamous_cell_carcinoma",
        "sek": "seborrheic_keratosis",
    },
)
