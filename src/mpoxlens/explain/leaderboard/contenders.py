"""The networks and photographs of a leaderboard, from what a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpoxlens.bundle import Bundle, Spec, default_path
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MissingExtraError
from mpoxlens.explain.faithfulness.scores import UNCALIBRATED
from mpoxlens.explain.leaderboard.rows import Contender, Picture, photographs
from mpoxlens.explain.subject import OnnxSubject, of_run
from mpoxlens.photo import read_photo

if TYPE_CHECKING:
    from mpoxlens.schema import Pixels

CELLS = (4, 32)  # px of the controls' cells: one that sees a lesion's form, one as coarse as the usual networks


def networks(bundles: Sequence[Path], runs: Sequence[Path], *, control: bool = False) -> list[Contender]:
    """Return what is explained: bundles, float networks of runs, and controls; the shipped bundle when none is named.

    Raises:
        BundleError: a bundle cannot be used.
        DataError: a folder holds no finished run.
        MissingExtraError: torch is not installed, and is needed.
    """
    named = [of_bundle(path) for path in bundles or ([] if runs else [default_path()])]
    try:
        named += [_of_run(path) for path in runs]
        return named + (controls() if control else [])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mpoxlens"):
            raise
        raise MissingExtraError("--run and --control", "train", error.name) from None


def of_bundle(path: Path) -> Contender:
    """Return a bundle's network; it has one thread a pass, since several pictures are read at once."""
    bundle = Bundle.load(path, threads=1)
    return Contender(OnnxSubject(bundle), bundle.spec.preprocess, bundle.spec.calibration, parallel=True)


def controls() -> list[Contender]:
    """Return the networks that are known to read lesions, a fine one and a coarse one."""
    from mpoxlens.explain.faithfulness.control import PREPROCESS, control

    return [Contender(control(cell), PREPROCESS, UNCALIBRATED, parallel=False) for cell in CELLS]


def photographs_of(data: Path, contender: Contender, most: int) -> list[Picture]:
    """Return the first photographs of mpox of a workspace, in the order of their content's hash.

    Raises:
        DataError: the workspace is not ready, or has none.
    """
    subject = contender.subject
    label = subject.bundle.spec.positive if isinstance(subject, OnnxSubject) else "mpox"
    manifest = Workspace(data).clean()
    wanted = [(r.sha256, r.group or r.sha256) for r in manifest.records if r.label == label]
    if not wanted:
        raise DataError(str(data), f"it holds no photo of {label}", "name a workspace that does, or leave out --data")
    paths = manifest.paths

    def read(key: str) -> Pixels:
        return read_photo(paths[key]).pixels

    return photographs(wanted[:most], read)


def _of_run(path: Path) -> Contender:
    subject, spec = of_run(path)
    return _float(subject, spec)


def _float(subject: object, spec: Spec) -> Contender:
    # Hooks on one model's layers would meet in threads, so pictures are read one after the other.
    return Contender(subject, spec.preprocess, spec.calibration, parallel=False)  # type: ignore[arg-type]
