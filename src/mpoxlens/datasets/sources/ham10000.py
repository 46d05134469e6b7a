"""HAM10000, Tschandl et al. 2018: 10,015 dermatoscopic photographs of 7,470 pigmented lesions.

`HAM10000_metadata.csv` (without a suffix, or with .tab, from the archive itself) and `HAM10000_images_part_1` and `_2`.
No patient ids; photographs of one lesion belong together, so `lesion_id` stands in for the patient. Seen through a
dermatoscope, not by a phone: flagged.
"""

from __future__ import annotations

from mpoxlens.datasets.sources.nouns import Entry, Found, Layout
from mpoxlens.datasets.sources.tables import rows
from mpoxlens.datasets.sources.tree import Tree

TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")


def _read(tree: Tree) -> Found:
    for where, row in rows(tree.table(*TABLES), ("lesion_id", "image_id", "dx"), "ham10000"):
        path = tree.find(row["image_id"])
        if path not in tree.known:
            path = f"{path}.jpg"
        yield Entry(where, path, row["dx"], patient=row["lesion_id"], flags=("dermatoscope",))


LAYOUT = Layout(
    "ham10000",
    lambda tree: tree.table(*TABLES) is not None,
    _read,
    licence="CC BY-NC 4.0",
    citation="Tschandl et al., The HAM10000 dataset, a large collection of multi-source dermatoscopic images of common "
    "pigmented skin lesions, Scientific Data 5:180161, 2018, doi:10.1038/sdata.2018.161",
    labels={
        "akiec": "actinic_keratosis_or_bowen",
        "bcc": "basal_cell_carcinoma",
        "bkl": "benign_keratosis",
        "df": "dermatofibroma",
        "mel": "melanoma",
        "nv": "nevus",
        "vasc": "vascular_lesion",
    },
)
