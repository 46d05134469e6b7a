"""Claim: the language-vision model answers fast and in little memory on a small computer.

One set of weights, base and adapter merged, by ONNX Runtime from fast files and by torch: time to a probability, words
a second, memory of a fresh process, and how far rounding to 8 bits moves an answer. Runs of both alternate, so that
whatever else the computer does slows both. Without `--adapter` LoRA is drawn: speed and memory hang on no weight's
value. `--training` measures a step of training against a plain loop of peft and transformers instead.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import record
from mpoxlens.datasets.phantom import draw
from mpoxlens.photo import read_photo
from mpoxlens.vlm.adapter import Adapter, attach, load_adapter, merge
from mpoxlens.vlm.base import build
from mpoxlens.vlm.fast.export import write_files
from mpoxlens.vlm.fast.reader import FastReader
from mpoxlens.vlm.prompts import answer_ids, conversation, prompt_ids
from mpoxlens.vlm.talk import DIAGNOSIS
from mpoxlens.vlm.torch_reader import TorchReader

HISTORY = (
    "The person is 31 years old. There is fever. It began 2 days before the rash. The lymph nodes are swollen. "
    "There are spots on the palms. It itches a little. There was no contact with a case of mpox."
)
ASKED = "What kind of spots are these, and where do they lie?"
LORA = Adapter(rank=16, alpha=32.0)
GOALS = {"probability": 1.0, "words": 2.0, "memory": 1500.0, "step": 1.0}


def main() -> None:
    """Measure, and record what is claimed."""
    parser = record.arguments(__doc__)
    parser.add_argument("--adapter", type=Path, help="a trained one; drawn without it")
    parser.add_argument("--photos", type=Path, help="folder of photographs; drawings without it")
    parser.add_argument("--training", action="store_true", help="a step of training instead")
    options = parser.parse_args()
    size = "tiny" if options.quick else "mini"
    with tempfile.TemporaryDirectory() as scratch:
        if options.training:
            claim, rows = "vlm_training_speed", _training(size, 2 if options.quick else 6)
        else:
            photos = _photos(Path(scratch), options.photos, 2 if options.quick else 16)
            claim, rows = "vlm_speed", _answering(size, options, photos, Path(scratch))
    adapter = "a trained adapter" if options.adapter else "LoRA as drawn by a seed"
    notes = f"Size {size}, {adapter}; batch 1, median of runs that alternate; load of the computer"
    record.finish(
        claim,
        rows,
        quick=options.quick,
        notes=f"{notes} meanwhile {os.getloadavg()[0]:.1f}; CPU time is that of all threads.",
        packages=("mpoxlens", "onnxruntime", "torch", "transformers", "peft"),
    )


def _answering(size: str, options: Any, photos: list[Path], scratch: Path) -> list[record.Row]:
    model, tokenizer = build(size)
    if options.adapter:
        load_adapter(options.adapter, model)
    else:
        _drawn(model)
    folder = scratch / "fast"
    write_files(merge(model), tokenizer, folder)
    slow = TorchReader(model, tokenizer)
    rows = [record.Row("fast files", sum(path.stat().st_size for path in folder.iterdir()) / 1e6, "MB")]
    rows += _fresh_rows(folder, photos[0])
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows += _speed(slow, FastReader(folder, threads), photos[0], threads, options.quick)
    return [*rows, *_distance(slow, FastReader(folder), photos)]


def _drawn(model: Any) -> None:
    attach(model, LORA)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.01, generator=rng)


def _photos(scratch: Path, folder: Path | None, count: int) -> list[Path]:
    if folder:
        names = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        chosen = np.random.default_rng(1).choice(len(names), min(count, len(names)), replace=False)
        return [names[i] for i in chosen]
    for seed in range(count):
        Image.fromarray(draw(seed, size=640).pixels).save(scratch / f"{seed}.png")
    return [scratch / f"{seed}.png" for seed in range(count)]


def _ids(reader: Any, question: str, history: str = "") -> list[int]:
    return prompt_ids(conversation(question, history), reader.tokenizer, reader.config)


def _judge(reader: Any, path: Path) -> list[float]:
    """Return the log-odds of yes by the photograph alone and with a history: what a probability needs."""
    yes, no = answer_ids(reader.tokenizer)
    seen = reader.see(read_photo(path))
    logits = [reader.first_logits(_ids(reader, DIAGNOSIS, history), seen) for history in ("", HISTORY)]
    return [float(one[yes] - one[no]) for one in logits]


def _fresh_rows(folder: Path, photo: Path) -> list[record.Row]:
    script = record.ROOT / "benchmarks" / "vlm_fresh.py"
    command = [sys.executable, str(script), str(folder), str(photo), HISTORY]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    if found["torch"]:
        raise SystemExit("the process that answers has loaded torch")
    return [
        record.Row("a fresh process, from its imports to a probability", found["cold"], "s"),
        record.Row("the same, resident memory after an answer in words", found["memory"], "MB", GOALS["memory"]),
    ]


def _speed(slow: TorchReader, fast: FastReader, photo: Path, threads: int, quick: bool) -> list[record.Row]:
    repeats, most = (1, 4) if quick else (5, 32)
    readers = {"fast": fast, "torch": slow}
    judged = _alternating({name: _judging(reader, photo) for name, reader in readers.items()}, repeats)
    writing = _alternating({name: _writing(reader, photo, most) for name, reader in readers.items()}, repeats)
    words = f"{threads} threads" if threads > 1 else "1 thread"
    rows = [
        record.Row(
            f"{words}: probability, wall time", judged["fast"][0], "s", GOALS["probability"] if threads > 1 else None
        ),
        record.Row(f"{words}: probability, CPU time", judged["fast"][1], "s"),
        record.Row(f"{words}: the same by torch, CPU time", judged["torch"][1], "s"),
    ]
    for kind, place in (("wall", 0), ("CPU", 1)):
        rate = {name: 1 / found[place] for name, found in writing.items()}
        rows += [
            record.Row(f"{words}: words, tokens a second of {kind} time", rate["fast"], ""),
            record.Row(f"{words}: the same by transformers.generate, fp32", rate["torch"], ""),
            record.Row(f"{words}: ratio of the two", rate["fast"] / rate["torch"], "", GOALS["words"], at_least=True),
        ]
    return rows


def _judging(reader: Any, photo: Path) -> Callable[[], int]:
    def run() -> int:
        _judge(reader, photo)
        return 1

    return run


def _writing(reader: Any, photo: Path, most: int) -> Callable[[], int]:
    """Return what writes `most` tokens after a prompt of which nothing was read before; both sides read it too."""
    ids = _ids(reader, ASKED, HISTORY)

    def run() -> int:
        if isinstance(reader, FastReader):
            return len(list(_tokens(reader, ids, reader.see(read_photo(photo)), most)))
        inputs = reader._batch(ids, reader.see(read_photo(photo)))
        with torch.inference_mode():
            found = reader.model.generate(**inputs, max_new_tokens=most, min_new_tokens=most, do_sample=False)
        return int(found.shape[1] - len(ids))

    return run


def _tokens(reader: FastReader, ids: Sequence[int], seen: Any, most: int) -> Any:
    """Yield `most` tokens whatever they are: how soon an answer ends is no matter of speed."""
    said: list[int] = []
    while len(said) < most:
        said.append(int(reader.first_logits([*ids, *said], seen).argmax()))
        yield said[-1]


def _alternating(runs: dict[str, Callable[[], int]], repeats: int) -> dict[str, tuple[float, float]]:
    """Return the median seconds of wall and of CPU time a unit; the first run of each only warms up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            units = run()
            taken[name].append(((time.perf_counter() - wall) / units, (time.process_time() - cpu) / units))
    return {name: tuple(np.median(found[1:], axis=0)) for name, found in taken.items()}  # type: ignore[misc]


def _distance(slow: TorchReader, fast: FastReader, photos: list[Path]) -> list[record.Row]:
    pairs = np.array([(_judge(slow, path), _judge(fast, path)) for path in photos])  # [N, 2, 2]
    moved = np.abs(pairs[:, 1] - pairs[:, 0]).ravel()
    told = f"of {len(moved)} prompts, log-odds of yes by 8 bits less those of fp32"
    return [
        record.Row(f"{told}, mean absolute", float(moved.mean()), ""),
        record.Row("the same, 95 % quantile", float(np.quantile(moved, 0.95)), ""),
        record.Row("the same, largest", float(moved.max()), ""),
        record.Row("for comparison: standard deviation of the log-odds", float(pairs[:, 0].std()), ""),
    ]


def _training(size: str, repeats: int) -> list[record.Row]:
    """Return a step of LoRA on two prompts with answers: ours, and by peft's own model with the head on every token."""
    from mpoxlens.vlm.generate import training_batch
    from mpoxlens.vlm.prompts import Turn, training_ids

    steps: dict[str, Callable[[], int]] = {}
    for name in ("ours", "plain"):
        model, tokenizer = build(size)
        turns = [*conversation(DIAGNOSIS, HISTORY), Turn("assistant", "Yes, this could be mpox.")]
        batch = training_batch([training_ids(turns, tokenizer, model.config)] * 2, tokenizer.eos_token_id)
        batch |= _features(model)
        steps[name] = _step(model, batch) if name == "ours" else _plain_step(model, batch)
    taken = _alternating(steps, repeats)
    ratio = taken["ours"][1] / taken["plain"][1]
    return [
        record.Row("a step of LoRA, batch of 2, CPU time", taken["ours"][1], "s"),
        record.Row("the same by a plain loop of peft and transformers", taken["plain"][1], "s"),
        record.Row("ratio of the two", ratio, "", GOALS["step"]),
    ]


def _features(model: Any) -> dict[str, torch.Tensor]:
    rng, c = torch.Generator().manual_seed(0), model.config
    depths = {"photo": c.photo_config.hidden_size, "skin": c.skin_config.hidden_size}
    return {f"{part}_features": torch.randn(2, c.tokens(part), depth, generator=rng) for part, depth in depths.items()}


def _step(model: Any, batch: dict[str, torch.Tensor]) -> Callable[[], int]:
    attach(model, LORA)
    model.train()
    return _updating(model, lambda: model(**batch).loss)


def _plain_step(model: Any, batch: dict[str, torch.Tensor]) -> Callable[[], int]:
    from peft import LoraConfig, get_peft_model

    from mpoxlens.vlm.adapter import TARGETS

    model.requires_grad_(False)
    for projector in (model.photo_projector, model.skin_projector):
        projector.requires_grad_(True)
    lora: Any = LoraConfig(r=LORA.rank, lora_alpha=LORA.alpha, target_modules=list(TARGETS), task_type="CAUSAL_LM")
    language: Any = get_peft_model(model.language, lora)
    language.train()

    def loss() -> Any:
        words = model.embed(batch["input_ids"], batch["photo_features"], batch["skin_features"])
        return language(inputs_embeds=words, attention_mask=batch["attention_mask"], labels=batch["labels"]).loss

    return _updating(model, loss)


def _updating(model: Any, loss: Callable[[], Any]) -> Callable[[], int]:
    learned = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=1e-4)

    def run() -> int:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        return 1

    return run


if __name__ == "__main__":
    main()
