"""Keys and values of what was read about one photograph: what a prompt shares with the last one is not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from onnxruntime import InferenceSession, OrtValue

from mpoxlens.schema import Floats


class Tape:
    """The cache of the language model, in buffers of full length that every run writes on in.

    Args:
        session: of the graph of `language.write_language`.
        positions: tokens that fit.
    """

    def __init__(self, session: InferenceSession, positions: int) -> None:
        self._session, self._binding = session, session.io_binding()
        self._ids: list[int] = []
        past = [given for given in session.get_inputs() if given.name.startswith("past_")]
        _, heads, _, depth = past[0].shape
        # One block, so large that the system hands out its pages as they are used, and takes all back at the end.
        self._values: Floats = np.zeros((len(past), 1, heads, positions, depth), np.float32)
        for given, values in zip(past, self._values, strict=True):
            value = OrtValue.ortvalue_from_numpy(values)  # the same memory, not a copy
            self._binding.bind_ortvalue_input(given.name, value)
            self._binding.bind_ortvalue_output(given.name.replace("past_", "present_", 1), value)
        self._binding.bind_output("logits")

    def start_as(self, other: Tape) -> None:
        """Take over what another tape has read."""
        self._ids = list(other._ids)
        self._values[..., : len(self._ids), :] = other._values[..., : len(self._ids), :]

    def read(self, ids: Sequence[int], embeddings: Callable[[Sequence[int]], Floats]) -> Floats:
        """Return the logits [V] of the token after `ids`; `embeddings` gives [L, W] of those that are new."""
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._ids, ids, strict=False)))
        start = min(same, len(ids) - 1)  # one at least is read, since its logits are wanted
        self._ids = self._ids[:start]  # should this run fail, what lies behind is lost
        given: dict[str, Any] = {
            "embeddings": embeddings(ids[start:])[None],
            "count_before": np.array([len(ids) - 1], np.int32),
            "count_total": np.array(len(ids), np.int32),
        }
        for name, values in given.items():
            self._binding.bind_cpu_input(name, values)
        self._session.run_with_iobinding(self._binding)
        self._ids = list(ids)
        return np.array(self._binding.get_outputs()[-1].numpy()[0])
