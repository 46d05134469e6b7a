"""Agreement against published examples."""

import math

import numpy as np
import pytest

from mpoxlens.explain.study.agreement import cohen_kappa, counted, fleiss_kappa, krippendorff_alpha

NAN = math.nan
# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units.
RELIABILITY = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# The worked example of Fleiss' kappa in Wikipedia: ten subjects, fourteen raters, five categories; kappa .210.
FLEISS = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ],
    dtype=np.float64,
)  # fmt: skip


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_krippendorff_s_own_table(level: str, alpha: float) -> None:
    values = (1.0, 2.0, 3.0, 4.0, 5.0)
    assert krippendorff_alpha(counted(RELIABILITY, values), values, level) == pytest.approx(alpha, abs=0.0005)  # type: ignore[arg-type]


def test_alpha_without_missing_ratings_of_two_observers() -> None:
    # the same paper, section A: two observers, ten units, binary; alpha .095
    a = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=np.float64)
    assert krippendorff_alpha(counted(a, (0, 1)), (0, 1), "nominal") == pytest.approx(0.095, abs=0.0005)


def test_alpha_is_one_when_all_agree_and_not_defined_without_variety() -> None:
    same = np.array([[1, 2, 2, 3], [1, 2, 2, 3]], dtype=np.float64)
    assert krippendorff_alpha(counted(same, (1, 2, 3)), (1, 2, 3), "ordinal") == 1.0
    assert math.isnan(krippendorff_alpha(counted(np.ones((2, 4)), (1, 2)), (1, 2), "nominal"))
    alone = np.array([[1, NAN], [NAN, 2]])
    assert math.isnan(krippendorff_alpha(counted(alone, (1, 2)), (1, 2), "nominal"))


def test_fleiss_kappa_of_the_worked_example() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.2099, abs=0.0001)


def test_fleiss_kappa_at_its_ends() -> None:
    assert fleiss_kappa(np.array([[3.0, 0], [0, 3]])) == 1.0
    assert fleiss_kappa(np.array([[1.0, 1], [1, 1]])) == -1.0
    assert math.isnan(fleiss_kappa(np.array([[3.0, 0], [3, 0]])))  # one and the same to all
    assert math.isnan(fleiss_kappa(np.array([[3.0, 0], [1, 1]])))  # not as many readers to each
    assert math.isnan(fleiss_kappa(np.empty((0, 2))))


def test_cohen_kappa_by_hand() -> None:
    # 20 both yes, 5 and 10 apart, 15 both no: observed .7, by chance .5
    a = np.repeat([1.0, 1, 0, 0], [20, 5, 10, 15])
    b = np.repeat([1.0, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(a, b, (0, 1)) == pytest.approx(0.4)
    missing = np.append(a, [NAN, 1]), np.append(b, [1, NAN])
    assert cohen_kappa(*missing, (0, 1)) == pytest.approx(0.4)


def test_weighted_kappa_by_hand() -> None:
    # squared distances: observed 1/3, by chance 2/9 + 1/9 + 4/9 + 2/9 = 1
    a, b = np.array([1.0, 2, 3]), np.array([1.0, 2, 2])
    assert cohen_kappa(a, b, (1, 2, 3), weighted=True) == pytest.approx(2 / 3)


def test_kappa_is_not_defined_without_variety_or_common_cases() -> None:
    assert math.isnan(cohen_kappa(np.ones(3), np.ones(3), (0, 1)))
    assert math.isnan(cohen_kappa(np.array([1.0, NAN]), np.array([NAN, 1.0]), (0, 1)))
