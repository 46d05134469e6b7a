"""What `ask` needs of a model, whichever runs it: what is seen, how an answer begins, and the words after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from mpoxlens.errors import MpoxlensError
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, Photo
from mpoxlens.vlm.prompts import IGNORED, Turn, answer_ids, training_ids

MOST = 160  # tokens of an answer
REFUSAL = "Cannot"  # how an answer begins where nothing can be told; see instructions/templates.toml
FULL = ("can't allocate memory", "Failed to allocate memory", "bad allocation", "std::bad_alloc")  # of the processor's


class Seen(Protocol):
    """What a reader keeps of a photograph."""

    @property
    def embedding(self) -> Floats:
        """What CLIP makes of it in one row [D], as `VisualFeatures.pooled`."""


class Reader(Protocol):
    """A language-vision model that reads tokens about one photograph."""

    tokenizer: Any  # with place holders
    config: Any  # the ids of the place holders, and how many visual tokens each stands for
    inputs: tuple[Preprocess, Preprocess]  # how a photograph becomes the input of CLIP and of the skin expert

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of what runs it."""

    def see(self, photo: Photo) -> Any:
        """Look at a photograph and return a `Seen`."""

    def first_logits(self, ids: Sequence[int], seen: Any) -> Floats:
        """Return the logits [V] of the token after `ids`."""

    def write(self, ids: Sequence[int], seen: Any, most: int = MOST) -> Iterator[str]:
        """Yield the likeliest answer piece by piece; who stops reading stops the model."""


def openings(tokenizer: Any, config: Any) -> tuple[int, int, int]:
    """Return the ids of the first token of an answer that begins with "No", with "Yes" and with a refusal."""
    yes, no = answer_ids(tokenizer)
    _, labels = training_ids([Turn("user", "?"), Turn("assistant", REFUSAL)], tokenizer, config)
    return no, yes, next(label for label in labels if label != IGNORED)


@contextmanager
def enough_memory() -> Iterator[None]:
    """Say in one line that the machine is too small, on a GPU or not.

    Raises:
        MpoxlensError: the memory does not suffice for what is done inside.
    """
    try:
        yield
    except (MemoryError, RuntimeError, Fail, RuntimeException) as error:
        # torch.OutOfMemoryError is a RuntimeError; what torch's allocator raises is a plain one, and ONNX Runtime's no
        # RuntimeError at all.
        full = any(words in str(error) for words in FULL)
        if not (full or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"):
            raise
        mend = "close other programs, or ask of fewer photos"
        raise MpoxlensError("memory", "it does not suffice for this model", mend) from None
