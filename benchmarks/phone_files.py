"""Claim: int8 files are small and quick, and judge as the float network does, in every runtime.

Takes a folder of files of `mpoxlens optimise`, each judged on its run's folds by `mpoxlens parity` (and the .onnx files
in Chromium with `--web`), so that quality stands in their descriptions. Measures here what they cost: each file in a
process of its own, by the interpreter that has its runtime. Writes the picture of AUROC against cost beside the files.

    python benchmarks/phone_files.py --files DIR --with litert=VENV/bin/python --with executorch=VENV/bin/python
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import record
from mpoxlens.optimise import pareto
from mpoxlens.optimise.pick import Variant, front
from mpoxlens.optimise.runtimes import RUNTIMES

INT8 = "static-int8"
PICTURE = record.ROOT / "docs" / "pareto.png"
PACKAGES = ("mpoxlens", "onnxruntime", "numpy")
ROUNDS = 3  # the smallest median of them counts: other work on the machine can but add


def measured(files: Path, interpreters: Mapping[str, str], runs: int, rounds: int) -> list[Path]:
    """Measure the files of each runtime and return the benchmarks, which lie beside them."""
    found = []
    for runtime, ending in RUNTIMES.items():
        paths = sorted(map(str, files.glob(f"*{ending}")))
        if not paths:
            continue
        out = files / f"benchmark-{runtime}.json"
        command = [interpreters.get(runtime, sys.executable), "-m", "mpoxlens", "benchmark", *paths]
        best: dict[str, Any] = {}
        for _ in range(rounds):
            done = subprocess.run(
                [*command, "--runs", str(runs), "--out", str(out)], check=False, stdout=subprocess.DEVNULL
            )
            if done.returncode:
                sys.exit(f"{runtime}: mpoxlens benchmark ended with {done.returncode}")
            best = fastest(best, json.loads(out.read_text(encoding="utf-8")))
        out.write_text(json.dumps(best, indent=1) + "\n", encoding="utf-8")
        found.append(out)
    return found or sys.exit(f"{files}: no file of a runtime; make some with mpoxlens optimise")


def fastest(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the other of two benchmarks of the same files, with each row that was quicker in the one."""
    before = {row["file"]: row for row in one.get("rows", [])}
    rows = [min(row, before.get(row["file"], row), key=lambda r: float(r["p50_ms"])) for row in other["rows"]]
    return other | {"rows": rows}


def described(files: Path, variant: Variant) -> dict[str, Any]:
    """Return a file's description."""
    found: dict[str, Any] = json.loads((files / f"{variant.name}.json").read_bytes())
    return found


def quality_rows(files: Path, variants: Sequence[Variant]) -> list[record.Row]:
    """Return how far each int8 file is from float: on the folds where it was judged there, else on the data set."""
    rows = []
    for one in variants:
        about = described(files, one)
        judged = about.get("held_out", {}).get("parity")
        where = "out of fold" if judged else "photographs learned from"
        found = judged or about["parity"]
        goals = (0.03, -0.005) if one.precision == INT8 else (None, None)
        for what, figure in (("AUROC", one.auroc), ("decided", one.decided)):
            if not math.isfinite(figure.value):
                continue  # never judged on the folds
            told = f"{about['name']}, {one.runtime}, {one.precision}: {what}, out of fold"
            rows.append(record.Row(f"{told} [{figure.low:.3f} to {figure.high:.3f}]", figure.value, ""))
        name = f"{about['name']}, {one.runtime}, {one.precision}, {where}"
        rows.append(record.Row(f"{name}: median change of P(mpox)", found["median_difference"], "", goals[0]))
        area = found["delta_auroc"]
        if area["value"] is not None and area["low"] is not None:
            bounds = f"[{area['low']:+.4f} to {area['high']:+.4f}]"
            rows.append(record.Row(f"{name}: AUROC to float {bounds}", area["value"], "", goals[1], at_least=True))
        web = about.get("web", {})
        if web:
            changed = web["parity"]["median_difference"]
            place = f"{about['name']}, {one.precision}, onnxruntime-web in Chromium"
            rows.append(record.Row(f"{place}: median change", changed, ""))
            rows.append(record.Row(f"{place}: p50", web["p50_ms"], "ms"))
    return rows


def cost_rows(files: Path, variants: Sequence[Variant]) -> list[record.Row]:
    """Return size, time and memory of each file, and what int8 saves to each network."""
    network = {one.name: described(files, one)["name"] for one in variants}
    rows = []
    for one in variants:
        name = f"{network[one.name]}, {one.runtime}, {one.precision}"
        rows += [
            record.Row(f"{name}: file", one.bytes / 1e6, "MB"),
            record.Row(f"{name}: p50, one core", one.p50_ms, "ms"),
            record.Row(f"{name}: peak memory of the model", one.peak_mib, "MiB"),
        ]
    for name in dict.fromkeys(network.values()):
        rows += saved(name, [one for one in variants if network[one.name] == name])
    return rows


def saved(network: str, variants: Sequence[Variant]) -> Iterator[record.Row]:
    """Yield what int8 saves in each runtime, and how far the runtimes are apart."""
    known = {(one.runtime, one.precision): one for one in variants}
    for runtime in RUNTIMES:
        full, small = known.get((runtime, "fp32")), known.get((runtime, INT8))
        if full and small:
            share, speed = 100 * small.bytes / full.bytes, full.p50_ms / small.p50_ms
            floor = 2.0 if runtime == "onnx" else None
            name = f"{network}, {runtime}"
            yield record.Row(f"{name}: bytes of int8 to float", share, "%", 30)
            yield record.Row(f"{name}: speed of int8 to float, one core", speed, "×", floor, at_least=True)
    int8 = [one.p50_ms for one in variants if one.precision == INT8]
    if len(int8) > 1:
        yield record.Row(f"{network}: int8, slowest runtime to fastest", max(int8) / min(int8), "×", 1.5)


def shot(page: Path, picture: Path) -> None:
    """Photograph the charts of a page of `mpoxlens pareto` in Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or sys.exit("Chromium is needed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--headless=new"])
        tab = browser.new_page(viewport={"width": 1160, "height": 800}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.locator("section.card").first.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Measure and record."""
    parser = record.arguments(__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder of the files, of one network or several")
    parser.add_argument("--with", action="append", default=[], metavar="RUNTIME=PYTHON", dest="interpreters")
    options = parser.parse_args()
    interpreters = dict(one.split("=", 1) for one in options.interpreters)
    runs, rounds = (10, 1) if options.quick else (100, ROUNDS)
    load = os.getloadavg()[0]
    benchmarks = measured(options.files, interpreters, runs, rounds)
    variants, _ = pareto.read(benchmarks)
    table, taken = pareto.write(benchmarks, options.files)
    print(table)
    if not options.quick:
        shot(options.files / "pareto.html", PICTURE)
    rows = quality_rows(options.files, variants) + cost_rows(options.files, variants)
    best = ", ".join(one.name for one in front(variants, "bytes")) or "none was judged"
    notes = (
        f"One photograph a pass, on one core; the quickest of {rounds} rounds of {runs} passes; load average "
        f"{load:.1f} before. Picked: {taken.name if taken else 'none'}. By size nothing beats: {best}."
    )
    record.finish("phone_files", rows, quick=options.quick, notes=notes, packages=PACKAGES)


if __name__ == "__main__":
    main()
