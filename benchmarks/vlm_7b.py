"""Claim: the language-vision model of the paper's size reads a photograph and a question within 24 GiB.

CLIP ViT-L/14-336, ViT-B/16 and LLaMA-2-7B in bfloat16, every number of them random: what is measured is that the
network is built and runs, how long and in how much memory, and nothing of what it would answer. One pass, on the
processor, from a drawing and a question with a history to the logits of the answer's first token.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from transformers.initialization import no_init_weights

import record
from mpoxlens.datasets.phantom import draw
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.base import _bytes_tokenizer
from mpoxlens.vlm.config import SIZES
from mpoxlens.vlm.features import preprocess_of
from mpoxlens.vlm.generate import batch_of, first_logits
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import conversation, prompt_ids, with_place_holders
from mpoxlens.vlm.talk import DIAGNOSIS
from mpoxlens.vlm.words import history_text

GIB = 2**30
NEEDED = 18  # GiB: the parameters' 13.3, what the pass keeps, and some air
SPREAD = 0.03  # of the random weights


def main() -> None:
    """Measure and record."""
    options = record.arguments(__doc__).parse_args()
    free = psutil.virtual_memory().available / GIB
    if not options.quick and free < NEEDED:
        sys.exit(f"{free:.1f} GiB of memory are free, too little: free {NEEDED} GiB, or give --quick")
    torch.set_num_threads(record.cores())
    started = time.perf_counter()
    model = random_model("tiny" if options.quick else "7b")
    built = time.perf_counter() - started
    inputs = question(model)
    started = time.perf_counter()
    logits = first_logits(model, inputs)
    seconds = time.perf_counter() - started
    if not bool(logits.isfinite().all()):
        sys.exit("a logit is not finite")
    count, tokens = sum(p.numel() for p in model.parameters()), inputs["input_ids"].shape[1]
    rows = [
        record.Row("parameters", count / 1e9, "10⁹"),
        record.Row("building it of random numbers", built, "s"),
        record.Row("photograph and question to the answer's first token", seconds, "s"),
        record.Row("the same, a token of the prompt", 1000 * seconds / tokens, "ms"),
        record.Row("peak resident memory of all this", peak() / GIB, "GiB", 24),
    ]
    visual = sum(model.config.tokens(part) for part in ("photo", "skin"))
    notes = (
        f"One pass, batch 1, {tokens} tokens, {visual} of them visual; those of the text are bytes, more than LLaMA's"
        " own tokenizer would make. Random weights: the answer means nothing."
    )
    packages = ("mpoxlens", "torch", "transformers")
    record.finish("vlm_7b", rows, quick=options.quick, notes=notes, packages=packages)


def random_model(size: str) -> MpoxVlm:
    """Return the model in bfloat16, never held in 32 bits."""
    torch.set_default_dtype(torch.bfloat16)
    with no_init_weights():
        model = MpoxVlm(SIZES[size]())
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            _fill(name, parameter)
    model.train(False)
    return model


def _fill(name: str, parameter: nn.Parameter) -> None:
    if parameter.dim() > 1:
        parameter.uniform_(-SPREAD, SPREAD)
    else:
        parameter.fill_(float(not name.endswith("bias")))  # of norms


def question(model: MpoxVlm) -> dict[str, Tensor]:
    """Return a drawing with the first question and a short history."""
    tokenizer: Any = with_place_holders(_bytes_tokenizer(), model.config)
    history = history_text(ClinicalInfo(fever=True, itch=False))
    ids = prompt_ids(conversation(DIAGNOSIS, history), tokenizer, model.config)
    pixels = draw(7, size=448).pixels
    photo, skin = (torch.from_numpy(spec(pixels))[None] for spec in preprocess_of(model.config))  # [1, 3, S, S]
    return batch_of([ids], tokenizer.pad_token_id) | {"photo_pixels": photo, "skin_pixels": skin}


def peak() -> float:
    """Return the most bytes that this process ever held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    main()
