"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mpoxlens


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert sorted(mpoxlens.__all__) == mpoxlens.__all__
    assert dir(mpoxlens) == mpoxlens.__all__
    for name in mpoxlens.__all__:
        assert getattr(mpoxlens, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mpoxlens' has no attribute 'Screner'"):
        _ = mpoxlens.Screner  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("mpoxlens", ("numpy", "PIL", "onnxruntime", "click")),
        ("mpoxlens.cli", ("numpy", "PIL", "onnxruntime", "rich")),
        ("mpoxlens.screening.engine", ("torch", "timm", "sklearn", "cv2", "jinja2", "rich")),
    ],
)
def test_imports_stay_light(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
