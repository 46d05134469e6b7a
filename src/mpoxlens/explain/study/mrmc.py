"""Several readers, several cases, several arms (MRMC): is one arm read better, for other readers and cases, too?

Obuchowski and Rockette (Communications in Statistics 24:285, 1995) by the degrees of freedom of Hillis (Statistics in
Medicine 26:596, 2007), readers and cases random, covariances by jackknife of clusters of cases. With one case a cluster
that is the analysis of Dorfman, Berbaum and Metz (Investigative Radiology 27:723, 1992) in its present form; a test
holds the two together. Beside it stands a bootstrap of readers and clusters (Beiden, Wagner and Campbell, Academic
Radiology 7:341, 2000), which takes nothing for normal but needs more than a handful of readers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, ratio
from mpoxlens.evaluation.metrics import RESAMPLES, Doubles, Figure, Flags
from mpoxlens.evaluation.paired import Difference

TINY = 1e-12  # what rounding leaves of a difference of figures that is 0

Merit = Callable[[Flags, Doubles, Doubles, int], Doubles]  # truth [N], ratings [N], weights [B, N], cut -> [B]


@dataclass(frozen=True, eq=False)
class Crossed:
    """What every reader said of every case in every arm."""

    ratings: Doubles  # [T, R, N], the higher, the surer of mpox
    truth: Flags  # [N]
    clusters: tuple[str, ...]  # [N]: cases of one person are no independent cases
    cut: int  # rating from which on it is called


@dataclass(frozen=True)
class Components:
    """Mean squares of arms and readers, and the covariances of figures that share an arm, a reader, or neither."""

    ms_arm: float
    ms_arm_reader: float
    var: float
    cov1: float  # of one reader in two arms
    cov2: float  # of two readers in one arm
    cov3: float  # of two readers in two arms


def _auroc(truth: Flags, ratings: Doubles, weights: Doubles, _cut: int) -> Doubles:
    return weighted.auroc(truth, ratings, weights)


def _sensitivity(truth: Flags, ratings: Doubles, weights: Doubles, cut: int) -> Doubles:
    return ratio(weights @ (truth & (ratings >= cut)), weights @ truth)


def _specificity(truth: Flags, ratings: Doubles, weights: Doubles, cut: int) -> Doubles:
    return ratio(weights @ (~truth & (ratings < cut)), weights @ ~truth)


MERITS: Mapping[str, Merit] = {"AUROC": _auroc, "sensitivity": _sensitivity, "specificity": _specificity}


def merits(crossed: Crossed, merit: str, weights: Doubles) -> Doubles:
    """Return a figure of merit of each arm and reader [B, T, R] for weights of the cases [B, N]."""
    arms, readers, _ = crossed.ratings.shape
    found = np.empty((len(weights), arms, readers))
    for arm in range(arms):
        for reader in range(readers):
            found[:, arm, reader] = MERITS[merit](crossed.truth, crossed.ratings[arm, reader], weights, crossed.cut)
    return found


def jackknife(crossed: Crossed, merit: str) -> Doubles:
    """Return the covariances [T, R, T, R] of the figures, each cluster left out once; NaN where one leaves no truth."""
    _, member = np.unique(np.asarray(crossed.clusters), return_inverse=True)
    count = int(member.max()) + 1
    without = (np.arange(count)[:, None] != member).astype(np.float64)  # [K, N]
    drawn = merits(crossed, merit, without)
    centred = drawn - drawn.mean(axis=0)
    return np.asarray(np.einsum("kab,kcd->abcd", centred, centred) * (count - 1) / count)


def components(theta: Doubles, cov: Doubles) -> Components:
    """Return mean squares and mean covariances of figures [T, R] with covariances [T, R, T, R]."""
    arms, readers = theta.shape
    by_arm = theta.mean(axis=1, keepdims=True)
    left = theta - by_arm - theta.mean(axis=0) + theta.mean()
    same_arm = np.eye(arms, dtype=np.bool_)[:, None, :, None]
    same_reader = np.eye(readers, dtype=np.bool_)[None, :, None, :]

    def mean(chosen: Flags) -> float:
        return float(cov[np.broadcast_to(chosen, cov.shape)].mean())

    return Components(
        ms_arm=readers * float(((by_arm - theta.mean()) ** 2).sum()) / (arms - 1),
        ms_arm_reader=float((left**2).sum()) / ((arms - 1) * (readers - 1)),
        var=mean(same_arm & same_reader),
        cov1=mean(~same_arm & same_reader),
        cov2=mean(same_arm & ~same_reader),
        cov3=mean(~same_arm & ~same_reader),
    )


def obuchowski_rockette(theta: Doubles, cov: Doubles, arms: tuple[int, int]) -> Difference:
    """Return the first arm's mean figure less the second's, with interval and p-value for new readers and new cases.

    Args:
        theta: figures [T, R] of two arms and two readers at least.
        cov: their covariances [T, R, T, R], see `jackknife`.
        arms: which two of the T are compared; the error is pooled over all of them.
    """
    from scipy.stats import t

    found = components(theta, cov)
    (count, readers), value = theta.shape, float(theta[arms[0]].mean() - theta[arms[1]].mean())
    error = found.ms_arm_reader + max(readers * (found.cov2 - found.cov3), 0.0)
    if np.isnan(error) or np.isnan(value):
        return Difference(value, *[float("nan")] * 3)
    deviation = float(np.sqrt(2 * error / readers))
    if deviation < TINY:  # no reader and no case tells the arms apart, or all do alike
        return Difference(value, value, value, 1.0 if abs(value) < TINY else 0.0)
    freedom = _freedom(error, found.ms_arm_reader, (count - 1) * (readers - 1))
    reach = float(t.ppf(0.975, freedom)) * deviation
    return Difference(value, value - reach, value + reach, float(2 * t.sf(abs(value) / deviation, freedom)))


def arm_mean(theta: Doubles, cov: Doubles) -> Figure:
    """Return the mean figure of one arm, [R] with covariances [R, R], with its interval for new readers and cases."""
    from scipy.stats import t

    readers = len(theta)
    value, spread = float(theta.mean()), float(theta.var(ddof=1))
    between = float(cov[~np.eye(readers, dtype=np.bool_)].mean())
    error = spread + max(readers * between, 0.0)
    if np.isnan(error) or error == 0.0:
        return Figure(value, value + error, value + error)
    reach = float(t.ppf(0.975, _freedom(error, spread, readers - 1))) * float(np.sqrt(error / readers))
    return Figure(value, value - reach, value + reach)


def _freedom(error: float, mean_square: float, degrees: int) -> float:
    """Degrees of freedom of Hillis 2007; infinite when readers do not differ."""
    return float(error**2 / (mean_square**2 / degrees)) if mean_square > 0 else float("inf")


def bootstrap(crossed: Crossed, merit: str, count: int = RESAMPLES, seed: int = 0) -> Doubles:
    """Return the mean figure of each arm [1 + B, T], readers and clusters drawn anew; the first row is the study's.

    Samples that hold one truth alone give NaN. With one reader it speaks for that reader alone.
    """
    drawn = merits(crossed, merit, Draws.of(crossed.clusters, count, seed).weights)
    readers = drawn.shape[2]
    rng = np.random.default_rng((seed, readers))
    chosen = np.stack([np.ones(readers), *rng.multinomial(readers, np.full(readers, 1 / readers), count)])
    return np.asarray(np.einsum("btr,br->bt", drawn, chosen / readers))
