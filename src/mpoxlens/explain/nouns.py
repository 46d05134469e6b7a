"""The nouns of explanations: what is explained, and what an explanation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mpoxlens.schema import Floats

Setting: TypeAlias = str | int | float | bool


class Subject(Protocol):
    """A network that is explained."""

    @property
    def name(self) -> str:
        """Name and version, with the beginning of the file's hash."""

    @property
    def size(self) -> int:
        """Pixels a side of its input."""

    def contrast(self, inputs: Floats) -> Floats:
        """Return what is explained [N] for inputs [N, 3, size, size].

        It is the logit of mpox less the mean of the other logits: linear in the logits, so that the class activation
        map is an exact explanation of it (`screening.heatmap.evidence`).
        """


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where in one photograph the evidence lies, and how that was found."""

    heat: Floats  # [size, size]: above 0 speaks for mpox, below against it; the unit is the method's own
    method: str  # of `methods.METHODS`
    settings: Mapping[str, Setting]
    seed: int  # of whatever is random in it
    contrast: float  # what is explained, of the whole photograph
    passes: int  # forward passes that it took, one input counted each
    subject: str  # `Subject.name`
    versions: Mapping[str, str] = field(default_factory=dict)  # of the packages that computed it


Method: TypeAlias = Callable[[Subject, Floats, int], Explanation]  # subject, input [3, size, size], seed
