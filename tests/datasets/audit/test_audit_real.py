"""The audit of the shared photographs against what is known of them."""

from pathlib import Path

import pytest

from mpoxlens.datasets.audit.audit import audit
from mpoxlens.datasets.steps import ingest
from mpoxlens.datasets.workspace import Workspace
from real import SHARED


@pytest.mark.real_data
@pytest.mark.slow
def test_skin_tone_tells_mpox_from_other_rashes(tmp_path: Path) -> None:
    """The notes on the shared photographs give AUROC .69 for the typology angle alone."""
    if not SHARED.is_dir():
        pytest.skip("the shared photographs are not on this machine")
    work = Workspace(tmp_path / "work")
    ingest(work, [SHARED])
    rows = {one.cue: one for one in audit(work, without=["healthy"], shuffles=10).rows}
    tone = rows["skin tone"]
    assert tone.low < 0.69 < tone.high
    assert tone.auroc == pytest.approx(0.67, abs=0.02)
    assert tone.readable
    assert rows["background picture"].readable
