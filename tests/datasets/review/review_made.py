"""What the fixtures of the review's tests give."""

from dataclasses import dataclass

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.workspace import Workspace


@dataclass(frozen=True)
class Made:
    """A workspace, and the sha256 of each file by its name."""

    work: Workspace
    sha: dict[str, str]

    def link(self, a: str, b: str, inliers: int) -> Link:
        return Link(*sorted((self.sha[a], self.sha[b])), "local-features", inliers, 0.9)
