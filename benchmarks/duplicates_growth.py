"""Claim: the search for copies grows close to n log n, and 100,000 images take under an hour of two cores and 4 GB.

The images are drawn phantoms of 128 px, a quarter of them originals, each with three copies: re-encoded; mirrored and
re-encoded; cropped to half the area. Features are extracted into a cache first, which is timed apart. The search
(index, votes, confirmation) then runs in a process of its own. A size that was measured before is not measured again:
delete its files in --folder to do so.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import record

SIZES, QUICK = (1_000, 10_000, 100_000), (400, 800)
SIDE = 128  # px
COPIES = 3
THREADS = 2
SEED = 20_260


def family(number: int, folder: Path) -> list[Path]:
    """Draw one phantom and its copies, unless they are there."""
    from mpoxlens.datasets.phantom import STAGES, draw

    stem = f"{number // 1000:03d}/{number:06d}"
    paths = [folder / f"{stem}-{copy}.jpg" for copy in range(COPIES + 1)]
    if paths[-1].exists():
        return paths
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([SEED, number])
    stage, tone = STAGES[int(rng.integers(len(STAGES)))], float(rng.uniform(-40, 60))
    drawing = draw(SEED * 1000 + number, count=int(rng.integers(6, 20)), stage=stage, tone=tone, size=SIDE)
    image = Image.fromarray(drawing.pixels)
    side = round(SIDE * 0.5**0.5)
    x, y = (int(v) for v in rng.integers(0, SIDE - side, 2))
    copies = (image, image, ImageOps.mirror(image), image.crop((x, y, x + side, y + side)))
    for path, copy in zip(paths, copies, strict=True):
        quality = 95 if path == paths[0] else int(rng.integers(60, 90))
        part = path.with_suffix(".part")
        copy.save(part, "JPEG", quality=quality)
        part.replace(path)
    return paths


def named(paths: list[Path]) -> dict[str, Path]:
    """Name each file by its content."""
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}


def images(count: int, folder: Path) -> dict[str, Path]:
    """Draw as many images, with all cores, or take those that are there."""
    with ProcessPoolExecutor(THREADS) as pool:
        families = pool.map(partial(family, folder=folder), range(count // (COPIES + 1)), chunksize=50)
        return named([path for paths in families for path in paths])


def extract(count: int, folder: Path) -> dict[str, float]:
    """Fill the feature cache; only what is missing is extracted."""
    from mpoxlens.datasets.duplicates.feature_cache import cached_features

    paths = images(count, folder / "images")
    start, cpu = time.perf_counter(), time.process_time()
    made = [0]
    cached_features(paths, folder / f"cache-{count}", THREADS, lambda done, _of: made.append(done))
    fresh = len(paths) - made[1]
    each = (time.process_time() - cpu) / fresh * 1e3 if fresh else float("nan")
    return {"seconds": time.perf_counter() - start, "extracted": fresh, "cpu_ms_each": each}


def search(count: int, folder: Path) -> dict[str, float]:
    """Find the links with the features cached, and compare them with what was planted."""
    from mpoxlens.datasets.duplicates.search import find_links

    paths = images(count, folder / "images")
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    steps: list[tuple[float, float]] = []

    def tell(done: int, of: int) -> None:
        if not steps or done / of >= steps[-1][0] + 0.02:
            steps.append((done / of, time.perf_counter() - start))
            print(f"{done / of:.2f} {steps[-1][1]:.0f} s", file=sys.stderr, flush=True)

    links = find_links(paths, cache=folder / f"cache-{count}", threads=THREADS, progress=tell)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    found = {frozenset((paths[link.a], paths[link.b])) for link in links}
    originals = [path for path in paths.values() if path.stem.endswith("-0")]
    planted = {frozenset((one, one.with_name(f"{one.stem[:-1]}{copy}.jpg"))) for one in originals for copy in (1, 2, 3)}
    strangers = sum(len({path.stem[:-2] for path in pair}) > 1 for pair in found)
    return {
        "images": len(paths),
        "wall": wall,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": after.ru_maxrss * 1024 / 1e9,
        "links": len(links),
        "recall": len(found & planted) / len(planted),
        "precision": 1 - strangers / max(len(found), 1),
    }


def measured(part: str, count: int, folder: Path) -> dict[str, Any]:
    """Measure one part in a process of its own, or read what was measured before."""
    path = folder / f"{part}-{count}.json"
    if not path.exists():
        environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--part", part, "--count", str(count), "--folder", str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        path.write_text(done.stdout.splitlines()[-1] + "\n", encoding="utf-8")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def growth(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """Exponent of n in a power law through the figures, by least squares on logarithms; n log n itself has 1.1."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def rows(sizes: tuple[int, ...], folder: Path) -> list[record.Row]:
    """Measure all sizes."""
    table, cpu = [], []
    for count in sizes:
        extracted, one = measured("extract", count, folder), measured("search", count, folder)
        print(count, extracted, one, flush=True)
        cpu.append(one["cpu"])
        hour, memory = (60, 4) if count == SIZES[-1] else (None, None)
        table += [
            record.Row(f"{count:,} images: search, wall time", one["wall"] / 60, "min", hour),
            record.Row(f"{count:,} images: search, processor time / 2", one["cpu"] / 120, "min", hour),
            record.Row(f"{count:,} images: search, peak memory", one["peak"], "GB", memory),
            record.Row(f"{count:,} images: planted pairs found", one["recall"], ""),
            record.Row(f"{count:,} images: links that are true", one["precision"], ""),
            record.Row(
                f"{count:,} images: extraction beforehand, processor time", extracted["cpu_ms_each"], "ms/image"
            ),
        ]
    law = growth(sizes, [n * np.log(n) for n in sizes])
    table.append(record.Row(f"exponent of the growth of processor time (n log n: {law:.2f})", growth(sizes, cpu), ""))
    return table


def main() -> None:
    """Measure, or run one part."""
    parser = record.arguments(__doc__)
    parser.add_argument("--part", choices=["extract", "search"])
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", help="measure these only, and write no result")
    parser.add_argument("--folder", type=Path, default=record.SCRATCH / "growth", help="of images, features, figures")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.part:
        part = {"extract": extract, "search": search}[options.part]
        print(json.dumps(part(options.count, options.folder)))
        return
    if options.sizes:
        rows(tuple(options.sizes), options.folder)
        return
    sizes = QUICK if options.quick else SIZES
    notes = (
        f"Phantoms of {SIDE} px, a quarter originals, {THREADS} threads, features cached; other work ran on the "
        "machine, so wall time is an upper bound."
    )
    packages = ("faiss-cpu", "numpy", "opencv-python-headless")
    table = rows(sizes, options.folder)
    record.finish("duplicates_growth", table, quick=options.quick, notes=notes, packages=packages)


if __name__ == "__main__":
    main()
