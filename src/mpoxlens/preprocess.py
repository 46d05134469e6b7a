"""From a decoded photograph to the network's input, by a specification that travels in the bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from mpoxlens.errors import BundleError
from mpoxlens.schema import Floats, Pixels

# A large photograph is first averaged by whole steps to at least this many times the target, which halves the time.
REDUCING_GAP = 1.5


@dataclass(frozen=True)
class Preprocess:
    """Squash the whole photograph to `size` x `size`, then standardise.

    Nothing is cut off: a lesion at the edge counts, and the heat map covers the whole photograph. Resizing is bilinear
    with a support that grows with the scale (Pillow's `BILINEAR`), so that a large photograph is averaged, not sampled.
    """

    size: int  # px, both sides
    mean: tuple[float, float, float]  # of RGB in 0..1
    std: tuple[float, float, float]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Preprocess:
        """Read the specification of a bundle.

        Raises:
            BundleError: a missing, unknown or impossible entry.
        """
        try:
            spec = cls(int(data["size"]), _triple(data["mean"]), _triple(data["std"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _refused(f"unreadable ({error})") from None
        if set(data) != {"size", "mean", "std"} or not 16 <= spec.size <= 4096 or min(spec.std) <= 0:
            raise _refused("an entry is unknown or out of range")
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as it is written to a bundle."""
        return asdict(self)

    def __call__(self, pixels: Pixels) -> Floats:
        """Turn pixels [H, W, 3] uint8 into the network's input [3, size, size] float32."""
        return self.normalise(self.resize(pixels))

    def resize(self, pixels: Pixels) -> Pixels:
        """Resize [H, W, 3] to [size, size, 3], both uint8."""
        image = Image.fromarray(pixels)
        target = (self.size, self.size)
        return np.asarray(image.resize(target, Image.Resampling.BILINEAR, reducing_gap=REDUCING_GAP))

    def normalise(self, pixels: Pixels) -> Floats:
        """Standardise [size, size, 3] uint8 to [3, size, size] float32."""
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        planes = pixels.transpose(2, 0, 1).astype(np.float32, order="C")  # plane by plane: half the time of mixed ones
        planes /= np.float32(255)
        planes -= mean[:, None, None]
        planes /= std[:, None, None]
        return planes


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _refused(why: str) -> BundleError:
    return BundleError("bundle.json: preprocess", why, "download or build the bundle again")
