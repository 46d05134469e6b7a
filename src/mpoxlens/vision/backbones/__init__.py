"""Networks of timm, transformers and torchvision behind one face: maps, logits as their mean, stages by depth."""

from mpoxlens.vision.backbones.build import create
from mpoxlens.vision.backbones.classifier import Classifier, Reading, preprocess_of
from mpoxlens.vision.backbones.families import FAMILIES, Family
from mpoxlens.vision.backbones.loading import load_base
from mpoxlens.vision.backbones.stages import freeze, parameter_groups, stages

__all__ = [
    "FAMILIES",
    "Classifier",
    "Family",
    "Reading",
    "create",
    "freeze",
    "load_base",
    "parameter_groups",
    "preprocess_of",
    "stages",
]
