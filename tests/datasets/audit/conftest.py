"""Shorter statistics."""

import pytest


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty bootstrap samples, where intervals are not what is tested."""
    monkeypatch.setattr("mpoxlens.evaluation.metrics.RESAMPLES", 50)
