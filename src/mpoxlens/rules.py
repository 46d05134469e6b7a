"""The arithmetic of a decision: calibrated probability, prediction set, strangeness. The bundle carries its numbers.

Shared by the clinic, which applies it, and the workshop, which fits it on out-of-fold predictions.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Floats, Interval

Doubles = NDArray[np.float64]
MAX_LOG_ODDS = 8.0  # no photograph is allowed to make us surer than 0.9997


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling with a bias for the positive class (Alexandari et al. 2020, "BCTS").

    The pairs of `bootstrap` come from refitting on resampled clusters; they give a probability its interval.
    """

    temperature: float
    bias: float  # added to the positive label's log-odds
    bootstrap: tuple[tuple[float, float], ...]  # (temperature, bias)

    def log_odds(self, logits: Floats, positive: int) -> Doubles:
        """Return the calibrated log-odds [N] of the positive label from logits [N, C]."""
        return np.asarray(_log_odds(logits, positive, self.temperature, self.bias))

    def probabilities(self, logits: Floats, positive: int) -> Doubles:
        """Return calibrated probabilities [N, C] that sum to 1."""
        p = sigmoid(self.log_odds(logits, positive))
        scaled = np.delete(logits / self.temperature, positive, axis=1).astype(np.float64)
        others = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        others *= ((1 - p) / others.sum(axis=1))[:, None]
        return np.insert(others, positive, p, axis=1)

    def interval(self, logits: Floats, positive: int, shift: float = 0.0) -> Interval:
        """Return the 95 % interval of the positive label's probability for logits [C].

        Args:
            logits: of one photograph.
            positive: index of the positive label.
            shift: log likelihood ratio of other evidence, added to the log-odds.
        """
        low, high = np.quantile(sigmoid(self.drawn(logits, positive) + shift), (0.025, 0.975))
        return Interval(float(low), float(high))

    def drawn(self, logits: Floats, positive: int) -> Doubles:
        """Return the calibrated log-odds [B] of logits [C] in each draw of the bootstrap."""
        temperatures, biases = np.asarray(self.bootstrap).T  # [B] each
        return _log_odds(logits / temperatures[:, None], positive, 1.0, biases)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of `bundle.json`."""
        pairs = [[round(t, 4), round(b, 4)] for t, b in self.bootstrap]
        return {"temperature": self.temperature, "bias": self.bias, "bootstrap": pairs}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Read the entry of `bundle.json`; ValueError when a number is impossible."""
        pairs = tuple((float(t), float(b)) for t, b in data["bootstrap"])
        found = cls(float(data["temperature"]), float(data["bias"]), pairs)
        if not pairs or min(found.temperature, *(t for t, _ in pairs)) <= 0:
            raise ValueError("calibration: temperatures must be above 0")
        return found


@dataclass(frozen=True)
class Conformal:
    """Class-conditional split-conformal prediction set on P(mpox) (Vovk 2012, Mondrian).

    Of each class, at most a share `alpha` of the out-of-fold photographs is left out of its own set.
    """

    alpha: float
    mpox_from: float  # "mpox" is in the set when P >= this
    other_to: float  # "other" is in the set when P <= this

    def prediction_set(self, probability: float) -> tuple[str, ...]:
        """Return a subset of ("mpox", "other")."""
        members = (("mpox", probability >= self.mpox_from), ("other", probability <= self.other_to))
        return tuple(name for name, inside in members if inside)

    def to_dict(self) -> dict[str, float]:
        """Return the entry of `bundle.json`."""
        return {"alpha": self.alpha, "mpox_from": self.mpox_from, "other_to": self.other_to}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Conformal:
        """Read the entry of `bundle.json`; ValueError when a number is impossible."""
        found = cls(float(data["alpha"]), float(data["mpox_from"]), float(data["other_to"]))
        if not (0 < found.alpha < 0.5 and 0 <= found.mpox_from <= 1 and 0 <= found.other_to <= 1):
            raise ValueError("conformal: a number is out of range")
        return found


@dataclass(frozen=True, eq=False)
class OutOfDistribution:
    """Mahalanobis distance of the embedding's direction in the training photographs' principal components.

    What lies outside those components counts as one more, with the spread that it has in training. Embeddings are
    scaled to unit length first: their length tells how much there is to see, their direction what it is.
    """

    mean: Floats  # [D]
    components: Floats  # [K, D], each divided by its standard deviation
    residual: float  # root mean square of what the components leave, in training
    threshold: float  # scores above it are "unlike anything the model knows"

    def score(self, embedding: Floats) -> Doubles:
        """Return the distance [N] of embeddings [N, D]; about 1 for a typical training photograph."""
        centred = unit_length(embedding) - self.mean
        scaled = centred @ self.components.T  # [N, K]
        norms = np.linalg.norm(self.components, axis=1, keepdims=True)
        kept = (scaled / norms.T) @ (self.components / norms)
        left = np.linalg.norm(centred - kept, axis=1) / self.residual
        return np.asarray(np.sqrt(0.5 * (scaled**2).mean(axis=1) + 0.5 * left**2), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of `bundle.json`: arrays as base64 of little-endian float16, row by row."""
        return {
            "mean": _pack(self.mean),
            "components": _pack(self.components),
            "dimensions": list(self.components.shape),
            "residual": self.residual,
            "threshold": self.threshold,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OutOfDistribution:
        """Read the entry of `bundle.json`; ValueError when sizes disagree."""
        k, d = map(int, data["dimensions"])
        mean, components = _unpack(data["mean"], (d,)), _unpack(data["components"], (k, d))
        found = cls(mean, components, float(data["residual"]), float(data["threshold"]))
        if not (np.isfinite(mean).all() and np.isfinite(components).all() and found.residual > 0 < found.threshold):
            raise ValueError("ood: a number is out of range")
        return found


def unit_length(embedding: Floats) -> Floats:
    """Scale embeddings [N, D] to length 1; a network that saw nothing at all gives 0 and stays 0."""
    length = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.asarray(embedding / np.maximum(length, np.float32(1e-12)))


def side(probability: float, conformal: Conformal, operating_point: float) -> str | None:
    """Return the one member of the prediction set, "mpox" or "other", if the operating point agrees; else None."""
    members = conformal.prediction_set(probability)
    agreed = ("mpox",) if probability >= operating_point else ("other",)
    return members[0] if members == agreed else None


def sigmoid(log_odds: Doubles) -> Doubles:
    """Return the probability of log-odds, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)))


def logit(probability: Doubles | float) -> Doubles:
    """Return the log-odds of probabilities strictly between 0 and 1."""
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(np.log(p) - np.log1p(-p))


def _log_odds(logits: Floats | Doubles, positive: int, temperature: float, bias: float | Doubles) -> Doubles:
    scaled = logits.astype(np.float64) / temperature
    others = np.delete(scaled, positive, axis=1)
    odds = scaled[:, positive] - np.logaddexp.reduce(others, axis=1) + bias
    return np.asarray(np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def _pack(array: Floats) -> str:
    return base64.b64encode(array.astype("<f2").tobytes()).decode()


def _unpack(text: str, shape: tuple[int, ...]) -> Floats:
    return np.frombuffer(base64.b64decode(text), "<f2").reshape(shape).astype(np.float32)
