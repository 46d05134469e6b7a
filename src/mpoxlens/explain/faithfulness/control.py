"""A network that is known to read lesions and nothing else: what it says of a map cannot be the network's own fault.

No weight in it is learned. It sees where skin is redder than the skin around it, which is what every drawn lesion is at
its rim, and the contrast is the mean of what it sees. So its own map is the truth about it, at the fineness that one
chooses: a map that misses the lesions here is a bad map, or a coarse one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mpoxlens.explain.subject import TorchSubject
from mpoxlens.preprocess import Preprocess
from mpoxlens.vision.backbones import Classifier

SIZE = 224  # px
NEAR, AROUND = 1.5, 16.0  # px: deviations of what is looked at and of what is around it; a lesion's radius is 4 to 8
FAINT = 0.035  # of redness in 0..1; drawn skin varies by less
LABELS = 2  # lesion, none
PREPROCESS = Preprocess(SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class LesionReader(nn.Module):
    """From photos [B, 3, H, W] to one map [B, 1, h, w]: the mean excess of redness in each cell."""

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.redness = nn.Conv2d(3, 1, 1, bias=False)
        self.near = _blur(NEAR)
        self.around = _blur(AROUND)
        self.cell = cell  # px
        with torch.no_grad():
            self.redness.weight.copy_(torch.tensor([0.5, -0.5, 0.0]).reshape(1, 3, 1, 1))

    def forward_features(self, photo: Tensor) -> Tensor:
        """Return the maps."""
        red = self.redness(photo)
        excess = functional.relu(_spread(self.near, red) - _spread(self.around, red) - FAINT)
        return functional.avg_pool2d(excess, self.cell)


def control(cell: int = 4) -> TorchSubject:
    """Return the network with cells of `cell` px: 32 has the 7 x 7 of the usual networks, 4 sees a lesion's form."""
    model = Classifier(LesionReader(cell), 1, LABELS, size=SIZE)
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([100.0, 0.0]).reshape(LABELS, 1, 1, 1))
        model.head.bias.zero_()  # type: ignore[union-attr]
    return TorchSubject(model, SIZE, 0, f"known reader of lesions, {SIZE // cell} x {SIZE // cell}")


def _blur(deviation: float) -> nn.Conv2d:
    """One dimension of a Gaussian: used along rows, then along columns."""
    reach = math.ceil(3 * deviation)
    weight = torch.exp(-((torch.arange(-reach, reach + 1) / deviation) ** 2) / 2)
    conv = nn.Conv2d(1, 1, (1, len(weight)), bias=False)
    with torch.no_grad():
        conv.weight.copy_((weight / weight.sum()).reshape(1, 1, 1, -1))
    return conv


def _spread(blur: nn.Conv2d, plane: Tensor) -> Tensor:
    reach = blur.kernel_size[1] // 2
    for _ in range(2):
        plane = blur(functional.pad(plane, (reach, reach, 0, 0), mode="replicate")).transpose(2, 3)
    return plane
