"""The laws of the crossover, for any number of cases, arms and readers."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpoxlens.explain.study.plan import Reading, assign_blocks, sessions

ARMS = ("unaided", "map1", "map2", "map3")


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(2, 4), st.integers(0, 9), st.integers(0, 99))
def test_every_case_once_in_every_arm_and_once_a_session(mpox: list[bool], count: int, reader: int, seed: int) -> None:
    blocks = assign_blocks({f"c{i}": each for i, each in enumerate(mpox)}, count, seed)
    plan = sessions(blocks, ARMS[:count], reader, seed)
    assert [[one.session for one in each] for each in plan] == [[i + 1] * len(mpox) for i in range(count)]
    for each in plan:
        assert {one.case for one in each} == set(blocks)
        arms = Counter(one.arm for one in each)
        assert max(arms.values()) - min(arms[arm] for arm in ARMS[:count]) <= 1
    assert {(one.case, one.arm) for each in plan for one in each} == {(c, a) for c in blocks for a in ARMS[:count]}


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(2, 4), st.integers(0, 99))
def test_both_truths_are_spread_over_the_blocks(mpox: list[bool], count: int, seed: int) -> None:
    truths = {f"c{i}": each for i, each in enumerate(mpox)}
    blocks = assign_blocks(truths, count, seed)
    for chosen in ([True], [False], [True, False]):
        sizes = Counter(dict.fromkeys(range(count), 0))
        sizes.update(blocks[name] for name, each in truths.items() if each in chosen)
        assert max(sizes.values()) - min(sizes.values()) <= 1


def test_readers_meet_a_case_in_different_arms_first() -> None:
    blocks = {"c1": 0, "c2": 1, "c3": 2}
    first = [{one.case: one.arm for one in sessions(blocks, ARMS[:3], reader, 7)[0]} for reader in range(3)]
    assert {each["c1"] for each in first} == set(ARMS[:3])
    assert first[0] == {"c1": "unaided", "c2": "map1", "c3": "map2"}


def test_the_order_is_of_reader_session_and_seed_alone() -> None:
    blocks = {f"c{i}": i % 2 for i in range(12)}
    plan = sessions(blocks, ARMS[:2], 0, 7)
    assert plan == sessions(dict(blocks), ARMS[:2], 0, 7)
    orders = [
        [one.case for one in each]
        for seed, reader in ((7, 0), (7, 1), (8, 0))
        for each in sessions(blocks, ARMS[:2], reader, seed)
    ]
    assert len({tuple(order) for order in orders}) == 6
    assert isinstance(plan[0][0], Reading)


@pytest.mark.parametrize("count", [2, 3])
def test_blocks_are_the_seed_s(count: int) -> None:
    truths = {f"c{i}": i % 2 == 0 for i in range(9)}
    assert assign_blocks(truths, count, 1) == assign_blocks(truths, count, 1) != assign_blocks(truths, count, 2)
