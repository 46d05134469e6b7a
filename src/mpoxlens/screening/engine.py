"""The screener: photographs and some answers in, a screening with everything that led to it out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnxruntime

import mpoxlens
from mpoxlens.bundle import Bundle, default_path
from mpoxlens.errors import MpoxlensError, PhotoError
from mpoxlens.photo import decode_photo, read_photo
from mpoxlens.rules import Doubles, sigmoid
from mpoxlens.schema import (
    Classification,
    ClinicalInfo,
    Floats,
    Gate,
    History,
    Interval,
    Photo,
    Provenance,
    Screening,
)
from mpoxlens.screening import gate
from mpoxlens.screening.classify import classify_inputs
from mpoxlens.screening.combine import Examined, JointScreening, combine
from mpoxlens.screening.decide import Numbers, decide
from mpoxlens.screening.history import Table, check_info, load_table, weigh

WORKERS = 2  # each decodes its photographs and then runs the network on one thread, so that every core has work
CHUNK = 2  # photographs a worker takes at a time: the network is as quick as with more, and memory is less
UNKNOWN = ClinicalInfo()
Source: TypeAlias = "str | Path | bytes | Photo"


@dataclass(frozen=True)
class Refused:
    """A photograph that could not be screened, and why."""

    file: str
    error: MpoxlensError


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What is kept of a photograph once it is the network's input."""

    name: str
    sha256: str
    gate: Gate
    tensor: Floats  # [3, size, size]


class Screener:
    """Screens photographs with one bundle. Safe to use from several threads.

    Args:
        bundle: a verified bundle.
        table: likelihood ratios; the shipped ones when None.
    """

    def __init__(self, bundle: Bundle, table: Table | None = None) -> None:
        self.bundle = bundle
        self.table = table or load_table()

    @classmethod
    def default(cls) -> Screener:
        """Return a screener with the shipped bundle; BundleError when that is damaged."""
        return cls.from_path(default_path())

    @classmethod
    def from_path(cls, path: str | Path, table: Table | None = None) -> Screener:
        """Return a screener with the bundle in a folder; BundleError when that is damaged."""
        return cls(Bundle.load(path, threads=1), table)

    def screen(self, photo: Source, info: ClinicalInfo = UNKNOWN) -> Screening:
        """Screen one photograph: a path, a file's bytes, or a decoded photograph.

        Raises:
            PhotoError: it cannot be read or is refused.
            HistoryError: an answer that no file may hold either.
            MissingExtraError: it is a HEIC photograph and the `heic` extra is not installed.
        """
        return self.screen_together([photo], info)

    def screen_together(self, photos: Sequence[Source], info: ClinicalInfo = UNKNOWN) -> Screening:
        """Screen several photographs of one person to one result; a single one gives what `screen` gives.

        Of several photographs the result is a `JointScreening`; the rule is that of `combine`.

        Raises:
            PhotoError: one cannot be read or is refused, or there is none.
            HistoryError: an answer that no file may hold either.
            MissingExtraError: one is a HEIC photograph and the `heic` extra is not installed.
        """
        info = check_info(info)
        return self.conclude([self._examined(self._prepare(photo)) for photo in photos], info)

    def examine(self, photos: Iterable[str | Path | Refused]) -> Iterator[Examined | Refused]:
        """Look at photographs one by one, without answers; those that cannot be read are `Refused`, the rest go on."""
        for photo in photos:
            ready = self._try(photo)
            yield ready if isinstance(ready, Refused) else self._examined(ready)

    def conclude(self, shots: Sequence[Examined], info: ClinicalInfo = UNKNOWN, unread: int = 0) -> Screening:
        """Conclude from photographs of one person that were looked at, and answers.

        Args:
            shots: of `examine`.
            info: the answers.
            unread: how many more there were that could not be read; a lesion may be in those.

        Raises:
            PhotoError: there is none.
            HistoryError: an answer that no file may hold either.
        """
        if not shots:
            raise PhotoError("no photo", "a screening needs at least one", "take a photo of the rash")
        info = check_info(info)
        return self._conclude(shots, weigh(info, self.table), info.contact_21_days, unread)

    def screen_many(
        self, photos: Iterable[str | Path | Refused], info: ClinicalInfo = UNKNOWN, *, workers: int = WORKERS
    ) -> Iterator[Screening | Refused]:
        """Screen photographs in their order as they come; those that cannot be read are `Refused`, the rest go on.

        Args:
            photos: paths, taken from the iterable only as fast as they are screened; `Refused` are passed on.
            info: answers that hold for all of them.
            workers: threads.

        Raises:
            HistoryError: at once, for an answer that no file may hold either.
        """
        info = check_info(info)
        return self._screened(photos, weigh(info, self.table), info.contact_21_days, workers)

    def _screened(
        self, photos: Iterable[str | Path | Refused], history: History, contact: bool | None, workers: int
    ) -> Iterator[Screening | Refused]:
        waiting: deque[Future[list[Screening | Refused]]] = deque()
        source = iter(photos)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="mpoxlens")
        try:
            while chunk := list(islice(source, CHUNK)):
                waiting.append(pool.submit(self._screen_chunk, chunk, history, contact))
                if len(waiting) > workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _screen_chunk(
        self, photos: Sequence[str | Path | Refused], history: History, contact: bool | None
    ) -> list[Screening | Refused]:
        found = [self._try(photo) for photo in photos]
        ready = [one for one in found if isinstance(one, _Prepared)]
        classified = iter(classify_inputs(self.bundle, [one.tensor for one in ready]) if ready else ())
        return [
            one if isinstance(one, Refused) else self._conclude([self._judged(one, next(classified))], history, contact)
            for one in found
        ]

    def _try(self, photo: str | Path | Refused) -> _Prepared | Refused:
        if isinstance(photo, Refused):
            return photo
        try:
            return self._prepare(photo)
        except MpoxlensError as error:
            return Refused(str(photo), error)

    def _prepare(self, source: Source) -> _Prepared:
        photo = _read(source)
        return _Prepared(photo.name, photo.sha256, gate.check(photo), self.bundle.spec.preprocess(photo.pixels))

    def _examined(self, ready: _Prepared) -> Examined:
        (found,) = classify_inputs(self.bundle, [ready.tensor])
        return self._judged(ready, found)

    def _judged(self, ready: _Prepared, found: Classification) -> Examined:
        strange = gate.strange(found.ood_score, self.bundle.spec.ood.threshold)
        return Examined(ready.name, ready.sha256, ready.gate, strange, found)

    def _conclude(
        self, shots: Sequence[Examined], history: History, contact: bool | None, unread: int = 0
    ) -> Screening:
        spec = self.bundle.spec
        together = combine(spec, shots, unread)
        photo_probability, photo_interval = _estimate(together.odds, together.drawn, 0.0)
        probability, interval = _estimate(together.odds, together.drawn, math.log(history.likelihood_ratio))
        numbers = Numbers(
            together.gate,
            together.doubt,
            photo_probability,
            probability,
            interval,
            history.likelihood_ratio,
            history.suspected_case,
            contact,
        )
        verdict = decide(numbers, spec.conformal, spec.operating_point)
        done = Screening(
            file=", ".join(shot.file for shot in shots),
            decision=verdict.decision,
            probability=probability,
            interval=interval,
            photo_probability=photo_probability,
            photo_interval=photo_interval,
            prediction_set=verdict.prediction_set,
            operating_point=spec.operating_point,
            reasons=verdict.reasons,
            next_step=verdict.next_step,
            gate=together.gate,
            classification=together.classification,
            history=history,
            provenance=self._provenance(" ".join(shot.sha256 for shot in shots).strip()),
            map_passed=spec.map.passed if spec.map else None,
        )
        return JointScreening(**vars(done), photos=tuple(shots)) if len(shots) > 1 else done

    def _provenance(self, photo_sha256: str) -> Provenance:
        spec = self.bundle.spec
        name = f"{spec.name} {spec.version}"
        return Provenance(name, self.bundle.sha256, mpoxlens.__version__, onnxruntime.__version__, photo_sha256)


def _estimate(odds: float, drawn: Doubles, shift: float) -> tuple[float, Interval]:
    """Return the probability of mpox and its interval, with other evidence added to the log-odds."""
    probability = float(sigmoid(np.asarray(odds + shift)))
    low, high = np.quantile(sigmoid(drawn + shift), (0.025, 0.975))
    # The bootstrap need not straddle the estimate itself; an interval without its estimate would puzzle readers.
    return probability, Interval(min(float(low), probability), max(float(high), probability))


def _read(source: Source) -> Photo:
    if isinstance(source, Photo):
        return replace(source, pixels=np.ascontiguousarray(source.pixels))
    return decode_photo(source, "<bytes>") if isinstance(source, bytes) else read_photo(source)
