"""The sanity check of a bundle's map: what it finds, and how it gets into the bundle."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from mpoxlens import bundle as bundles
from mpoxlens.bundle import Alike, Bundle, MapCheck
from mpoxlens.explain.bundle_map import check_map, record


def test_a_record_changes_the_entry_and_no_other_file(tiny_path: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_path, tmp_path / "copy"))
    before = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in bundles.FILES}
    check = MapCheck(Alike(0.1, -0.1, 0.3), Alike(0.2, 0.1, 0.4), 0.5, 40, "drawn phantoms")
    record(folder, check)
    loaded = Bundle.load(folder)
    assert loaded.spec.map == check
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in bundles.FILES} == before
    old, new = (json.loads((path / "bundle.json").read_text()) for path in (tiny_path, folder))
    assert new.pop("map")["passed"] is True
    assert {k: v for k, v in new.items() if k != "sha256"} == {k: v for k, v in old.items() if k != "sha256"}


def test_a_map_of_colours_is_measured_within_its_bounds(tiny_path: Path) -> None:
    found = check_map(tiny_path, 4)
    for one in (found.signed, found.absolute):
        assert 0 <= one.low <= one.value <= one.high <= 1
    assert found.passed == (found.signed.high < 0.5 and found.absolute.high < 0.5)
    assert MapCheck.from_dict(found.to_dict()) == found
    assert check_map(tiny_path, 4) == found
