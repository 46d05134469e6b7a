"""An assistant of the real classes that answers within milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tiny_vlm import made

from mpoxlens.datasets.phantom import draw
from mpoxlens.rules import Calibration, Conformal
from mpoxlens.vlm.adapter import Adapter, attach, save_adapter
from mpoxlens.vlm.asking import Assistant
from mpoxlens.vlm.rules_file import Rules, write_rules

ADAPTER = Adapter(rank=2, alpha=4.0)


def rules(bias: float = 0.0) -> Rules:
    """Return rules by which the tiny model's answers, near even, have about the log-odds `bias`."""
    pairs = tuple((1.0, round(bias + float(step), 4)) for step in np.linspace(-0.5, 0.5, 11))
    return Rules(Calibration(1.0, bias, pairs), 0.4, Conformal(0.1, 0.3, 0.6), "made up for a test", {"auroc": 0.9})


def save(folder: Path) -> Path:
    """Save an adapter that changes what the model says, with its rules."""
    model, _ = made()
    attach(model, ADAPTER)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.05, generator=rng)
    save_adapter(model, ADAPTER, folder, size="tiny", dtype=torch.float32)
    write_rules(rules(), folder)
    return folder


def biased(assistant: Assistant, bias: float, most: int = 8) -> Assistant:
    """Return an assistant of the same model whose numbers lie elsewhere, and that says little."""
    return Assistant(assistant.reader, rules(bias), assistant.about, most=most)


def photograph(path: Path, seed: int = 3) -> Path:
    """Write a photograph that the gate lets through."""
    Image.fromarray(draw(seed, size=320).pixels).save(path, quality=90)
    return path
