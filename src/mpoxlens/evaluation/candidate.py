"""What is evaluated: a bundle, or an adapter of the language-vision model, which is told of as a bundle is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.errors import MissingExtraError
from mpoxlens.evaluation.judge import BundleJudge, Looker
from mpoxlens.vlm.about import ABOUT


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model with all that an evaluation needs to know of it."""

    spec: Spec
    sha256: str  # of what is evaluated
    judge: Looker
    bundle: Bundle | None  # None where there is no network that could be probed photograph by photograph


def candidate(folder: Path) -> Candidate:
    """Load what a folder holds.

    Raises:
        BundleError: neither a bundle nor an adapter, or a damaged bundle.
        CheckpointError: a damaged adapter, or one without rules.
        MissingExtraError: the language-vision model is not installed.
        WeightsError: its base weights are not to be had.
    """
    if (folder / ABOUT).is_file():
        return _adapter(folder)
    bundle = Bundle.load(folder, threads=1)
    return Candidate(bundle.spec, bundle.sha256, BundleJudge(bundle), bundle)


def _adapter(folder: Path) -> Candidate:
    try:
        from mpoxlens.vlm.looker import AdapterLooker

        looker = AdapterLooker.load(folder, say=Console(stderr=True, highlight=False, markup=False).print)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mpoxlens"):
            raise
        raise MissingExtraError("evaluating an adapter", "vlm", error.name) from None
    return Candidate(looker.spec, looker.sha256, looker, None)
