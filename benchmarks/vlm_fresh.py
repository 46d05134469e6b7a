"""One line of JSON: what a process that has just begun needs until a probability, and what it holds after words.

For vlm_speed.py, which has torch loaded itself: python benchmarks/vlm_fresh.py FOLDER_OF_FAST_FILES PHOTO HISTORY
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

START = time.perf_counter()

import psutil  # noqa: E402  the imports are part of what is measured

from mpoxlens.photo import read_photo  # noqa: E402
from mpoxlens.vlm import asking  # noqa: E402
from mpoxlens.vlm.fast.reader import FastReader  # noqa: E402
from mpoxlens.vlm.prompts import conversation, prompt_ids  # noqa: E402


def main(folder: Path, path: Path, history: str) -> None:
    """Ask what the probability needs, then for words."""
    reader, photo = FastReader(folder), read_photo(path)
    seen = reader.see(photo)
    for told in ("", history):
        reader.first_logits(prompt_ids(conversation(asking.DIAGNOSIS, told), reader.tokenizer, reader.config), seen)
    cold = time.perf_counter() - START
    words = prompt_ids(conversation("What do you see?", history), reader.tokenizer, reader.config)
    "".join(reader.write(words, seen, 60))
    memory = psutil.Process().memory_info().rss / 1e6
    print(json.dumps({"cold": cold, "memory": memory, "torch": "torch" in sys.modules}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
