"""Claim: screening a folder runs near the limit of the machine, in flat memory, and well ahead of a common pipeline.

The limit is what decoding alone and the network alone allow when they share all cores: 1 / (1/decode + 1/model), each
measured here, each in the fastest of several ways. `Screener.screen_many` does all the rest too (gate,
out-of-distribution score, decision) and should reach 80 % of it. The peer is
`transformers.pipeline("image-classification")` with a network of about the same size and random weights (its speed does
not depend on them), on the same files. Each part runs in its own process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from importlib import util
from pathlib import Path
from typing import Any

import psutil

import photos
import record

Rates = dict[str, float]  # photos per second, by the way it was done
MB = 1e6  # bytes


def decode(paths: list[Path]) -> Rates:
    """Decode alone, on all cores, with threads and with processes."""
    pools: dict[str, Callable[[int], Executor]] = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}
    rates = {}
    for name, kind in pools.items():
        with kind(record.cores()) as pool:
            list(pool.map(_decoded, paths[: 2 * record.cores()]))  # warm
            rates[name] = _rate(len(paths), lambda pool=pool: list(pool.map(_decoded, paths)))
    return rates


def _decoded(path: Path) -> int:
    from mpoxlens.photo import read_photo

    return read_photo(path).width


def model(paths: list[Path]) -> Rates:
    """Run the default bundle's network alone, on all cores: batches in one session, and one thread per photo."""
    import numpy as np

    from mpoxlens.bundle import Bundle, default_path

    whole, single = Bundle.load(default_path(), threads=record.cores()), Bundle.load(default_path(), threads=1)
    size = whole.spec.preprocess.size
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(16, 3, size, size)).astype(np.float32)
    rates = {}
    for batch in (1, 4, 16):
        rounds = max(1, len(paths) // batch)
        whole.run(inputs[:batch])
        rates[f"batch {batch}"] = _rate(
            rounds * batch,
            lambda b=batch, n=rounds: [whole.run(inputs[:b]) for _ in range(n)],
        )
    with ThreadPoolExecutor(record.cores()) as pool:
        list(pool.map(lambda _: single.run(inputs[:1]), range(4)))
        rates["one thread a photo"] = _rate(
            len(paths), lambda: list(pool.map(lambda i: single.run(inputs[i % 16][None]), range(len(paths))))
        )
    return rates


def screen(paths: list[Path]) -> Rates:
    """Screen the photographs with the default bundle."""
    from mpoxlens import Screener

    screener = Screener.default()
    list(screener.screen_many(paths[:2]))
    counted = 0

    def run() -> None:
        nonlocal counted
        counted = sum(1 for _ in screener.screen_many(paths))

    rate = _rate(len(paths), run)
    if counted != len(paths):
        sys.exit(f"screen_many gave {counted} results for {len(paths)} photos")
    return {"screen_many": rate}


def peer(paths: list[Path]) -> Rates:
    """Classify the same files with transformers, as it comes and with batches and loader processes."""
    from transformers import pipeline

    names = [str(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        _save_peer(folder)
        classify = pipeline("image-classification", model=folder, device="cpu")
        classify(names[:2])
        ways: dict[str, dict[str, int]] = {
            "as it comes": {},
            "batches of 8": {"batch_size": 8},
            "batches of 8, loader processes": {"batch_size": 8, "num_workers": record.cores()},
        }
        return {name: _rate(len(names), lambda o=options: classify(names, **o)) for name, options in ways.items()}


def _save_peer(folder: str) -> None:
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification, MobileNetV2ImageProcessor

    config = MobileNetV2Config(depth_multiplier=1.2, num_labels=4)  # 3.2 million parameters, ReLU6, no squeeze-excite
    MobileNetV2ForImageClassification(config).eval().save_pretrained(folder)
    MobileNetV2ImageProcessor().save_pretrained(folder)


def _rate(count: int, work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


PARTS: dict[str, Callable[[list[Path]], Rates]] = {"decode": decode, "model": model, "screen": screen, "peer": peer}


def in_own_process(part: str, folder: Path, count: int) -> tuple[Rates, float]:
    """Run one part; return its rates and the peak resident MB of it and its children together."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--count", str(count)]
    peak = 0
    with psutil.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            peak = max(peak, _resident(child))
            time.sleep(0.05)
        output = child.stdout.read()
    if child.returncode:
        sys.exit(f"the part {part!r} failed")
    return json.loads(output.splitlines()[-1]), peak / MB


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def measure(folder: Path, counts: list[int], timed: int) -> list[record.Row]:
    """Measure everything on `timed` photographs, and memory at each of `counts`."""
    decoding, network = (max(in_own_process(p, folder, timed)[0].values()) for p in ("decode", "model"))
    limit = 1 / (1 / decoding + 1 / network)
    peaks = {count: in_own_process("screen", folder, count)[1] for count in counts}
    rate = in_own_process("screen", folder, timed)[0]["screen_many"]
    rows = [
        record.Row("decoding alone", decoding, "photos/s"),
        record.Row("network alone", network, "photos/s"),
        record.Row("limit of both together", limit, "photos/s"),
        record.Row("`Screener.screen_many`", rate, "photos/s"),
        record.Row("its share of the limit", 100 * rate / limit, "%", 80, at_least=True),
        *(record.Row(f"peak memory for {count} photos", peak, "MB") for count, peak in peaks.items()),
        record.Row(f"memory, {counts[-1]} photos to {counts[0]}", peaks[counts[-1]] / peaks[counts[0]], "×", 1.1),
    ]
    if util.find_spec("transformers") is None:
        print("transformers is not installed: no peer (pip install 'mpoxlens[bench]')", file=sys.stderr)
        return rows
    others = in_own_process("peer", folder, timed)[0]
    rows += [record.Row(f"transformers pipeline, {name}", other, "photos/s") for name, other in others.items()]
    rows.append(
        record.Row("`screen_many` to the pipeline as it comes", rate / others["as it comes"], "×", 5, at_least=True)
    )
    rows.append(record.Row("`screen_many` to the fastest pipeline", rate / max(others.values()), "×", 5, at_least=True))
    return rows


def main() -> None:
    """Draw the photographs, measure and record; or, for `--part`, run one part and print its rates."""
    parser = record.arguments(__doc__)
    for name in ("--part", "--folder", "--count"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        paths = sorted(Path(options.folder).glob("*.jpg"))[: int(options.count)]
        print(json.dumps(PARTS[options.part](paths)))
        return
    counts, timed = ([8, 16], 16) if options.quick else ([50, 200, 800], 200)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos.make(folder, max(*counts, timed), distinct=4 if options.quick else 24)
        rows = measure(folder, counts, timed)
    notes = (
        f"{timed} JPEG files of {photos.WIDTH} × {photos.HEIGHT} pixels, quality {photos.QUALITY}. Peer: MobileNetV2 "
        "× 1.2, 4 classes, random weights; the clinic's network is EfficientNet-Lite0 in int8."
    )
    packages = ["mpoxlens", "onnxruntime", "pillow", "numpy"]
    packages += [name for name in ("transformers", "torch") if util.find_spec(name)]
    record.finish("batch", rows, quick=options.quick, notes=notes, packages=tuple(packages))


if __name__ == "__main__":
    main()
