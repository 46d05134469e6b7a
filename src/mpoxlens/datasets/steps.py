"""The steps of making a data set: each reads the workspace, and leaves its table there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mpoxlens.datasets import manifest as manifests
from mpoxlens.datasets.duplicates.links import Link, export_links, read_links, write_links
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.labels import Doubt, Predicted, conflicts, mislabels, write_doubts
from mpoxlens.datasets.manifest import Manifest, write_manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.reviews import Review, reviewed_links, settled, write_reviews
from mpoxlens.datasets.tables import write_csv
from mpoxlens.datasets.workspace import Workspace, groups_of, photographs_of, write_problems
from mpoxlens.errors import DataError, MpoxlensError


def ingest(work: Workspace, roots: Sequence[Path], layout: str | None = None, tell: Tell = silent) -> Manifest:
    """Read data sets into the workspace, in place of those that were read before; see `ingest.collect`.

    Raises:
        DataError: the workspace is a file, or lies among the photographs; nothing usable.
    """
    place = work.path.resolve()
    if work.path.exists() and not work.path.is_dir():
        raise DataError(str(work.path), "it is a file", "name a folder for the workspace")
    if any(place.is_relative_to(root.resolve()) for root in roots):
        raise DataError(str(work.path), "it lies among the photographs", "name a folder outside them for the workspace")
    found = collect(roots, layout=layout, cache=work.table("files"), tell=tell)
    write_manifest(found, work.table("manifest"))
    write_problems(found.problems, work.path / "problems.csv")
    return found


def duplicates(work: Workspace, tell: Tell = silent) -> tuple[list[Link], list[MpoxlensError]]:
    """Find the links between all photographs, or return those that were found before.

    Besides `links.parquet`, by content, it writes `links.csv` (file_a, file_b, method, inliers, overlap) and
    `groups.csv` (file, group), in which every file stands, copies of the same content too.

    Returns:
        The links, and what could not be read while the rest went on.
    """
    found, problems = work.manifest(), list[MpoxlensError]()
    of = photographs_of(found)
    links = read_links(work.table("links"), of, work.mend("links")) if work.table("links").exists() else None
    if links is None:
        links = find_links(
            found.paths,
            cache=work.path / "prints",
            progress=lambda done, all_: tell("looking for copies", done, all_),
            problems=problems,
        )
        if not problems:  # or the next run would not look again
            write_links(links, work.table("links"), of)
    files = {r.sha256: r.path for r in found.records}
    export_links(links, files, ((r.sha256, r.path) for r in found.copies), work.path / "links.csv")
    write_csv(("file", "group"), sorted(groups_of(found, links).items()), work.path / "groups.csv")
    return links, problems


def apply(work: Workspace, reviews: Sequence[Review] = ()) -> Manifest:
    """Apply reviewers' decisions and put every photograph into its cluster; see `manifest.apply`."""
    clean = manifests.apply(work.manifest(), work.links(), reviews)
    write_reviews(settled(reviews), work.decisions)
    write_manifest(clean, work.table("clean"), work.state("clean"))
    write_problems(clean.problems, work.path / "problems-apply.csv")
    return clean


def labels(
    work: Workspace, predicted: Callable[[Manifest], Predicted], tell: Tell = silent
) -> tuple[list[Doubt], list[MpoxlensError]]:
    """List the labels to doubt: conflicts between copies, and probable mislabels.

    Of the photographs that decisions were applied to, or of all before that. Conflicts need no prediction, so they
    are listed even if it fails.

    Args:
        work: the workspace.
        predicted: gives out-of-fold probabilities, see `labels.Predicted`.
        tell: shows the progress.

    Returns:
        The doubts, and what went wrong with the prediction.
    """
    tell("doubting labels", 0, 1)
    reviewed = work.table("clean").exists()
    used = work.clean() if reviewed else work.clustered()
    problems: list[MpoxlensError] = []
    doubts = conflicts(used, reviewed_links(work.links(), work.reviews() if reviewed else ()))
    try:
        doubts += mislabels(used.records, predicted(used))
    except MpoxlensError as error:
        problems.append(error)
    write_doubts(doubts, work.table("labels"), work.state("labels"))
    tell("doubting labels", 1, 1)
    return doubts, problems
