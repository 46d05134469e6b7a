"""Who reads what, when and how: fully crossed, counterbalanced, one arm of a case a session.

Every reader reads every case once in every arm, and no case twice in a session, so that a wash-out lies between two
readings of a case. Arms go round by a cyclic Latin square over sessions, blocks of cases and readers: in each session
a reader has every arm equally often, and of as many readers as there are arms each meets a case in another arm first.
With two arms that is the usual crossover; with more, which arm follows which is not balanced (that takes the squares of
Williams, Australian Journal of Scientific Research 2:149, 1949).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Reading:
    """One look of a reader at one case."""

    session: int  # from 1
    case: str
    arm: str


def sessions(blocks: Mapping[str, int], arms: Sequence[str], reader: int, seed: int) -> tuple[tuple[Reading, ...], ...]:
    """Return the readings of one reader, session by session, each in an order of its own.

    Args:
        blocks: block of each case, 0 to len(arms) - 1.
        arms: all arms, the one without a map among them.
        reader: number from 0.
        seed: of the study.
    """
    found = []
    for session in range(len(arms)):
        order = np.random.default_rng((seed, reader, session)).permutation(len(blocks))
        names = list(blocks)
        found.append(
            tuple(
                Reading(session + 1, names[i], arms[(blocks[names[i]] + reader + session) % len(arms)]) for i in order
            )
        )
    return tuple(found)


def assign_blocks(truths: Mapping[str, bool], count: int, seed: int) -> dict[str, int]:
    """Return a block of 0 to `count` - 1 for each case, both truths spread evenly over the blocks."""
    rng = np.random.default_rng((seed, count))
    found = dict.fromkeys(truths, 0)
    start = 0
    for truth in (True, False):
        names = [name for name, each in truths.items() if each == truth]
        for place, i in enumerate(rng.permutation(len(names))):
            found[names[i]] = (start + place) % count
        start += len(names)  # the second truth begins where the first ended, so that blocks differ by one at most
    return found
