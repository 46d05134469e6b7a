"""The rule that picks the default bundle's file, and the front, on cases worked out by hand."""

import math
from dataclasses import replace

import pytest

from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.optimise.pick import Variant, front, pick


def variant(name: str, size: int, ms: float, auroc: float, **changes: object) -> Variant:
    figure = Figure(auroc, auroc - 0.04, min(auroc + 0.03, 1.0))
    made = Variant(name, "onnx", "fp32", size, ms, 10.0, figure, Figure(0.8, 0.75, 0.85), passes=True)
    return replace(made, **changes)  # type: ignore[arg-type]


FLOAT = variant("float", 12_000_000, 20.0, 0.936)
HALF = variant("half", 6_000_000, 22.0, 0.936)
INT8 = variant("int8", 4_000_000, 10.0, 0.933)


def test_what_is_as_good_as_the_best_is_picked_by_bytes_times_time() -> None:
    """240, 132 and 40 MB ms, all within .005 of .936."""
    assert pick([FLOAT, HALF, INT8]) is INT8


def test_a_worse_one_is_not_picked_however_small() -> None:
    assert pick([FLOAT, HALF, replace(INT8, auroc=Figure(0.9309, 0.9, 0.96))]) is HALF


def test_one_that_can_tell_less_often_is_not_picked_however_small() -> None:
    assert pick([HALF, replace(INT8, decided=Figure(0.74, 0.7, 0.8))]) is HALF
    assert pick([HALF, replace(INT8, decided=Figure(0.75, 0.7, 0.8))]).name == "int8"


def test_one_that_judges_worse_does_not_say_how_often_the_others_must_tell() -> None:
    """Were .95 the measure, .8 would not do."""
    sure = variant("sure", 9_000_000, 9.0, 0.90, decided=Figure(0.95, 0.9, 0.98))
    assert pick([sure, INT8]) is INT8


def test_exactly_the_margin_is_within_it() -> None:
    assert pick([FLOAT, replace(INT8, auroc=Figure(0.931, 0.9, 0.96))]).name == "int8"


def test_time_may_speak_against_the_smallest() -> None:
    """4 MB x 40 ms = 160 against 6 x 22 = 132."""
    assert pick([HALF, replace(INT8, p50_ms=40.0)]) is HALF


def test_of_equal_products_the_smaller_is_picked() -> None:
    assert pick([variant("quick", 8_000_000, 5.0, 0.936), INT8]) is INT8


def test_what_fails_its_bar_is_neither_picked_nor_the_measure_of_others() -> None:
    """Were .95 the best, nothing else would be within the margin."""
    assert pick([replace(FLOAT, auroc=Figure(0.95, 0.9, 0.98), passes=False), INT8]) is INT8


def test_other_runtimes_are_for_others() -> None:
    smaller = variant("tflite", 1_000_000, 1.0, 0.95, runtime="litert")
    assert pick([smaller, INT8]) is INT8
    assert pick([smaller, INT8], "litert") is smaller


def test_without_an_auroc_nothing_is_picked() -> None:
    unknown = Figure(math.nan, math.nan, math.nan)
    with pytest.raises(DataError, match="judge them first with: mpoxlens parity"):
        pick([replace(INT8, auroc=unknown)])


def test_the_front_holds_what_no_other_beats() -> None:
    """`half` is as good as float at fewer bytes; by time float is before it; `int8` is the cheapest in both."""
    assert front([FLOAT, HALF, INT8], "bytes") == (INT8, HALF)
    assert front([FLOAT, HALF, INT8], "p50_ms") == (INT8, FLOAT)
    worse = variant("worse", 5_000_000, 12.0, 0.92)
    assert front([worse, INT8], "bytes") == (INT8,)
    assert front([replace(INT8, passes=False), HALF], "bytes") == (HALF,)
