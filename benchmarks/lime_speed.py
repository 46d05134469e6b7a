"""How much faster is LIME here than the authors' package `lime`, and is it the same linear model?

Both explain the contrast of the shipped bundle on drawn phantoms, with the same superpixels, the same samples, and the
same colour for what is hidden (the mean of its segment, the package's default). Their linear models are compared on the
answers that the package got: a mean that differs in its last digit can let the int8 network answer otherwise. A batch
of the network is as large for both, and so is what it may use of the machine. "As it comes" adds what each does
alone to find superpixels: quickshift in the package, our SLIC here.

Wall-clock times are medians over phantoms. `lime` is in the extra `bench`; TQDM_DISABLE=1 silences its progress bars.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TypeVar

import numpy as np
from lime.lime_image import LimeImageExplainer

from mpoxlens.bundle import default_path
from mpoxlens.datasets.phantom import draw
from mpoxlens.explain.lime import answers, drawn, surrogate
from mpoxlens.explain.masks import Bools, Segments
from mpoxlens.explain.subject import BATCH, OnnxSubject
from mpoxlens.explain.superpixels import superpixels
from mpoxlens.schema import Floats
from record import Row, arguments, cores, finish

PHANTOMS, SAMPLES = 5, 1000
TOLERANCE = 1e-9  # of the largest coefficient: both are worked out in float64
FASTER = 5
T = TypeVar("T")


class _Given(np.random.RandomState):
    """Hands the package samples that were drawn before: it asks its generator for one row of 0s and 1s."""

    def __init__(self, states: Bools) -> None:
        super().__init__(0)
        self.states = states

    def randint(self, _low: int, _high: int, count: int) -> np.ndarray:  # type: ignore[override]
        if count != self.states.size:
            raise ValueError(f"the package wants {count} draws, {self.states.size} were made")
        return self.states.astype(np.int64).ravel()


@dataclass(frozen=True)
class Took:
    """Seconds of one phantom."""

    package: float
    here: float
    quickshift: float
    slic: float
    network: float  # of all passes alone, in the batches that are used here
    apart: float  # largest difference of coefficients from the same answers, as a share of the largest


def by_package(subject: OnnxSubject, photo: Floats, segments: Segments, states: Bools) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients [K] of the package, and the answers [N] of the network that it learned from."""
    answered: list[Floats] = []

    def classify(images: np.ndarray) -> np.ndarray:  # [N, S, S, 3] -> [N, 1]
        answered.append(subject.contrast(np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)))
        return answered[-1][:, None]

    found = LimeImageExplainer(random_state=_Given(states)).explain_instance(
        np.ascontiguousarray(photo.transpose(1, 2, 0)),
        classify,
        labels=(0,),
        top_labels=None,
        num_features=states.shape[1],
        num_samples=len(states),
        batch_size=BATCH * subject.workers,
        segmentation_fn=lambda _image: segments,
        random_seed=0,
    )
    return np.array([value for _, value in sorted(found.local_exp[0])]), np.concatenate(answered)


def here(subject: OnnxSubject, photo: Floats, segments: Segments, states: Bools) -> np.ndarray:
    """Return the coefficients [K] of ours."""
    return surrogate(states, answers(subject, photo, segments, states, "segment means")).coefficients


def quickshift(photo: Floats) -> None:
    """Find superpixels as the package does by default."""
    from skimage.segmentation import quickshift as find

    image = photo.transpose(1, 2, 0).astype(np.float64)
    find(image, kernel_size=4, max_dist=200, ratio=0.2, rng=0)


def compared(subject: OnnxSubject, seed: int, samples: int) -> Took:
    """Time both on one phantom."""
    photo = subject.bundle.spec.preprocess(draw(seed).pixels)
    segments = superpixels(photo)
    states = drawn(seed, samples, int(segments.max()) + 1)
    package, (theirs, answered) = timed(partial(by_package, subject, photo, segments, states))
    ours = surrogate(states, answered).coefficients
    passes = np.broadcast_to(photo, (samples, *photo.shape))
    return Took(
        package,
        timed(partial(here, subject, photo, segments, states))[0],
        timed(partial(quickshift, photo))[0],
        timed(partial(superpixels, photo))[0],
        timed(partial(subject.contrast, passes))[0],
        float(np.abs(theirs - ours).max() / np.abs(theirs).max()),
    )


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of a call, and what it gave."""
    start = time.perf_counter()
    given = call()
    return time.perf_counter() - start, given


def main() -> None:
    """Measure."""
    options = arguments(__doc__).parse_args()
    subject = OnnxSubject.load(default_path())
    samples, phantoms = (64, 1) if options.quick else (SAMPLES, PHANTOMS)
    compared(subject, 0, 32)  # both load what they need
    took = [compared(subject, seed, samples) for seed in range(1, phantoms + 1)]
    worst = max(one.apart for one in took)
    if worst > TOLERANCE:
        raise SystemExit(f"the linear models differ by {worst:.2g} of the largest coefficient")
    around = median((one.package - one.network) / max(one.here - one.network, 1e-3) for one in took)
    whole = median((one.package + one.quickshift) / (one.here + one.slic) for one in took)
    rows = [
        Row("lime package, a photo", median(one.package for one in took), "s"),
        Row("mpoxlens LIME, a photo", median(one.here for one in took), "s"),
        Row("of both: passes of the network alone", median(one.network for one in took), "s"),
        Row(
            "faster, with the same superpixels and samples", median(o.package / o.here for o in took), "x", FASTER, True
        ),
        Row("faster as it comes, superpixels too", whole, "x"),
        Row("faster in all that is not the network", around, "x"),
        Row("largest difference of coefficients from the same answers, of the largest", worst, "", TOLERANCE),
    ]
    notes = (
        f"{phantoms} drawn phantoms of 224 px, {samples} samples each, about 64 superpixels; int8 bundle on {cores()} "
        "cores. Neither is faster than the network: the first factor says what a user gains, the third what we do."
    )
    finish("lime_speed", rows, quick=options.quick, notes=notes, packages=("lime", "scikit-image", "onnxruntime"))


if __name__ == "__main__":
    main()
