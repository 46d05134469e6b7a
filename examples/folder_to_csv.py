"""Screen a folder and print one line of CSV a photo, those first that a clinician should look at.

python examples/folder_to_csv.py PHOTOS
"""

import csv
import sys
from pathlib import Path

from mpoxlens import Decision, Refused, Screener

ORDER = (Decision.LIKELY, Decision.CANNOT_TELL, Decision.UNLIKELY)


def main(folder: Path) -> None:
    """Print file, decision, probability and first reason of every photo below a folder."""
    photos = sorted(path for path in folder.rglob("*") if path.is_file())
    found = list(Screener.default().screen_many(photos))
    screened = [one for one in found if not isinstance(one, Refused)]
    table = csv.writer(sys.stdout)
    table.writerow(["file", "decision", "probability", "reason"])
    for one in sorted(screened, key=lambda one: (ORDER.index(one.decision), -one.probability)):
        table.writerow([one.file, one.decision, f"{one.probability:.2f}", one.reasons[0].text])
    for one in found:
        if isinstance(one, Refused):
            table.writerow([one.file, "refused", "", one.error])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
