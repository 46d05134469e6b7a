"""Claim: full fine-tuning is at least as fast as timm's own training loop, on the same network and photographs.

The loop of timm's train.py is not in its wheel, so it is put together of what is: `create_loader` over `ImageDataset`
with timm's default training transforms, `create_optimizer_v2`, `LabelSmoothingCrossEntropy`, `dispatch_clip_grad` and
`ModelEmaV3`, with as many loader processes as serve it best. Ours is `vision.fit.fit` as `mpoxlens train` calls it,
with its own augmentation, which does more, and a checkpoint after every epoch, which the other does not write.

Both: EfficientNet-Lite0 with every part learning, bfloat16 autocast, channels last, the same batch and threads. Each
measurement is a process of its own; ours and timm's take turns. The first epoch is not counted. Of six rounds the range
is a 97 % interval of the median, whatever the distribution (1 - 2 / 2^6).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import record

SIZE, BATCH, CLASSES = 224, 32, 4
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def ours(folder: Path, epochs: int) -> float:
    """Return photographs a second of `fit`."""
    from mpoxlens.datasets.ingest import collect
    from mpoxlens.vision.data import TrainingSet, load_pixels
    from mpoxlens.vision.fit import fit
    from mpoxlens.vision.recipe import ModelRecipe, Recipe, TrainRecipe

    records = collect([folder]).records
    labels = sorted({r.label for r in records})
    data = TrainingSet(
        load_pixels(folder, records), [labels.index(r.label) for r in records], [r.sha256 for r in records], "speed"
    )
    recipe = Recipe(
        Path("speed.toml"),
        model=ModelRecipe("tf_efficientnet_lite0", "none", frozen_blocks=0, size=SIZE),
        train=TrainRecipe(epochs=epochs, head_epochs=0, batch=BATCH),
    )
    ends = []
    with tempfile.TemporaryDirectory() as out:
        fit(recipe, data, Path(out), lambda _done, _of, _loss: ends.append(time.perf_counter()))
    steps = len(ends) // epochs
    return len(records) * (epochs - 1) / (ends[-1] - ends[steps - 1])


def timm(folder: Path, epochs: int, workers: int) -> float:
    """Return photographs a second of timm's loop."""
    import torch
    from timm import create_model
    from timm.data import ImageDataset, create_loader
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.utils import ModelEmaV3, dispatch_clip_grad

    cpu = torch.device("cpu")
    model = create_model("tf_efficientnet_lite0", num_classes=CLASSES, drop_rate=0.2)
    model = model.to(memory_format=torch.channels_last)
    average = ModelEmaV3(model, decay=0.98)
    optimiser = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
    loss_of = LabelSmoothingCrossEntropy(0.05)
    shape = (3, SIZE, SIZE)
    extra: dict[str, Any] = {"mean": MEAN, "std": STD, "use_prefetcher": False, "num_workers": workers, "device": cpu}
    loader = create_loader(ImageDataset(str(folder)), shape, BATCH, is_training=True, **extra)
    model.train()
    seen, started = 0, 0.0
    for epoch in range(epochs):
        for photos, targets in loader:
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model(photos.contiguous(memory_format=torch.channels_last)), targets)
            optimiser.zero_grad()
            loss.backward()
            dispatch_clip_grad(model.parameters(), 5.0)
            optimiser.step()
            average.update(model)
            loss.item()
            seen += len(photos) if epoch else 0
        started = started or time.perf_counter()
    return seen / (time.perf_counter() - started)


def photographs(source: Path | None, count: int, into: Path) -> None:
    """Put `count` photographs into folders by label: of a data set, or drawn and written as JPEG."""
    if source is None:
        from PIL import Image

        from mpoxlens.datasets.phantom import draw

        for i in range(count):
            path = into / f"label{i % CLASSES}" / f"{i}.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(draw(i, size=448).pixels).save(path, quality=90)
        return
    from mpoxlens.datasets.ingest import collect

    for i, one in enumerate(collect([source]).records[:count]):
        path = into / one.label / f"{i}{Path(one.path).suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((source / one.path).read_bytes())


def measured(way: str, folder: Path, epochs: int, workers: int = 0) -> float:
    """Return the photographs a second of one way, in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--epochs", str(epochs)]
    command += ["--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure in turns and record."""
    parser = record.arguments(__doc__)
    parser.add_argument("--photos", type=Path, help="a data set's folder; drawings by default")
    for name, kind in (("way", str), ("folder", Path), ("epochs", int), ("workers", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(one(options))
        return
    count, rounds, epochs = (64, 1, 2) if options.quick else (256, 6, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs(options.photos, count, folder)
        tried = {workers: measured("timm", folder, 2, workers) for workers in range(record.cores() + 1)}
        workers = max(tried, key=lambda w: tried[w])
        pairs = [turn(folder, epochs, workers, swapped=bool(i % 2)) for i in range(rounds)]
    what = "photographs of a data set" if options.photos else "drawings of 448 pixels a side"
    notes = f"Medians of {rounds} rounds; {count} {what}, batch {BATCH}; timm with {workers} loader processes."
    packages = ("mpoxlens", "torch", "timm", "accelerate", "opencv-python-headless", "pillow")
    record.finish("training_speed", rows(pairs), quick=options.quick, notes=notes, packages=packages)


def one(options: argparse.Namespace) -> float:
    """Measure one way in this process, on all its cores."""
    import torch

    torch.set_num_threads(record.cores())
    if options.way == "ours":
        return ours(options.folder, options.epochs)
    return timm(options.folder, options.epochs, options.workers)


def turn(folder: Path, epochs: int, workers: int, *, swapped: bool) -> tuple[float, float]:
    """Measure ours and timm's one after the other; return ours first."""
    found = {}
    for way in ("timm", "ours") if swapped else ("ours", "timm"):
        found[way] = measured(way, folder, epochs, workers)
    return found["ours"], found["timm"]


def rows(pairs: list[tuple[float, float]]) -> list[record.Row]:
    """Return the table of rounds."""
    ratios = [mine / theirs for mine, theirs in pairs]
    return [
        record.Row("`mpoxlens train`, full fine-tuning", statistics.median(p[0] for p in pairs), "photos/s"),
        record.Row("timm's loop", statistics.median(p[1] for p in pairs), "photos/s"),
        record.Row("ours to timm's", statistics.median(ratios), "×", 1.0, at_least=True),
        record.Row("… lowest of the rounds", min(ratios), "×"),
        record.Row("… highest of the rounds", max(ratios), "×"),
    ]


if __name__ == "__main__":
    main()
