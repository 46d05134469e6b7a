"""Every error that a user can cause, one line each.

MpoxlensError
├── PhotoError        a photograph that cannot be read or is refused
├── HistoryError      answers that are unknown, out of range or contradict each other
├── BundleError       a bundle that is damaged, of an unknown version, or fails its golden vectors
├── RecipeError       a recipe with an unknown or impossible setting
├── DataError         a data set, manifest or label table that cannot be used
├── WeightsError      base weights that cannot be had
├── CheckpointError   a checkpoint that belongs to another recipe or is damaged
├── TrainingError     training that cannot go on (disk full)
│   └── DivergedError a loss that is not finite
└── MissingExtraError a feature whose optional packages are not installed
"""

from __future__ import annotations


class MpoxlensError(Exception):
    """What came, why it is refused, and what mends it, joined to one line.

    Args:
        what: what came, beginning with the file, field or flag concerned.
        why: why it is refused.
        mend: what the reader should do, as an instruction.
    """

    def __init__(self, what: str, why: str, mend: str) -> None:
        self.what, self.why, self.mend = (" ".join(part.split()) for part in (what, why, mend))
        super().__init__(f"{self.what}: {self.why}; {self.mend}")

    def __reduce__(self) -> tuple[type[MpoxlensError], tuple[str, str, str]]:
        return type(self), (self.what, self.why, self.mend)  # so that worker processes can send it back


class PhotoError(MpoxlensError):
    """A photograph that cannot be read or is refused before decoding."""


class HistoryError(MpoxlensError):
    """Answers that are unknown, out of range or contradict each other."""


class BundleError(MpoxlensError):
    """A bundle that is damaged, of an unknown version, or fails its golden vectors."""


class RecipeError(MpoxlensError):
    """A recipe with an unknown or impossible setting."""


class DataError(MpoxlensError):
    """A data set, manifest or label table that cannot be used."""


class WeightsError(MpoxlensError):
    """Base weights that cannot be had."""


class CheckpointError(MpoxlensError):
    """A checkpoint that belongs to another recipe or is damaged."""


class TrainingError(MpoxlensError):
    """Training that cannot go on."""


class DivergedError(TrainingError):
    """A loss that is not finite: other settings may do, the same ones will not."""


class MissingExtraError(MpoxlensError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str, package: str) -> None:
        self.args_given = (feature, extra, package)
        super().__init__(
            feature, f"it needs the package {package}", f"install it with: pip install 'mpoxlens[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[MpoxlensError], tuple[str, str, str]]:
        return type(self), self.args_given
