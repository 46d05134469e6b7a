"""A network that is known to read lesions: its own map finds them, as far as its cells are fine enough."""

import numpy as np

from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.explain.cam import cam
from mpoxlens.explain.faithfulness.control import PREPROCESS, control
from mpoxlens.explain.faithfulness.pointing import ceiling, energy, hit

COUNTS, TONES = (3, 6, 12, 24), (60, 45, 30, 10, -10)


def test_the_fine_one_points_at_lesions_of_every_stage_and_the_coarse_one_cannot_keep_to_them() -> None:
    fine, coarse = control(4), control(32)
    found = []
    for i, stage in enumerate(STAGES):
        phantom = draw(i, count=COUNTS[i % 4], stage=stage, tone=TONES[i], size=224)
        photo = PREPROCESS(phantom.pixels)
        assert hit(cam(fine, photo, 0).heat, phantom.mask) == 1.0
        maps = [cam(subject, photo, 0).heat for subject in (fine, coarse)]
        found.append([energy(heat, phantom.mask) for heat in maps])
        assert found[-1][1] <= ceiling(phantom.mask, 7) + 1e-6
        # The fine one's share of evidence in lesions is far above theirs of the area, whatever their stage and tone.
        assert found[-1][0] > 5 * phantom.mask.mean()
    in_fine, in_coarse = np.mean(found, axis=0)
    assert in_fine > 0.5 > 0.2 > in_coarse


def test_the_contrast_is_the_mean_of_the_map() -> None:
    subject, photo = control(8), PREPROCESS(draw(1, size=224).pixels)
    first, second = subject.cam(photo)
    np.testing.assert_allclose(subject.contrast(photo[None])[0], (first - second).mean(), rtol=1e-5)
