"""Masked-autoencoder continuation: base weights go on learning from unlabelled photographs of skin.

He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377. The encoder that comes out is used
by naming its file in `model.weights` of a recipe.
"""

from __future__ import annotations

from mpoxlens.vision.mae.continuation import continue_on, run
from mpoxlens.vision.mae.leak import check_base_weights, check_unseen

__all__ = ["check_base_weights", "check_unseen", "continue_on", "run"]
