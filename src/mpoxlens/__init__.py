"""Could this rash be mpox, and how sure may we be?

    >>> from mpoxlens import ClinicalInfo, Screener
    >>> screening = Screener.default().screen("photo.jpg", ClinicalInfo(contact_21_days=True))
    >>> print(screening.decision, screening.probability, screening.next_step)

Research use only. Not a diagnosis, not a medical device. Names are loaded when they are first used, so that the import
itself takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpoxlens.bundle import Bundle
    from mpoxlens.errors import BundleError, HistoryError, MpoxlensError, PhotoError
    from mpoxlens.photo import read_photo
    from mpoxlens.schema import ClinicalInfo, Decision, Interval, Photo, Screening
    from mpoxlens.screening.engine import Refused, Screener
    from mpoxlens.screening.history import read_history

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "BundleError",
    "ClinicalInfo",
    "Decision",
    "HistoryError",
    "Interval",
    "MpoxlensError",
    "Photo",
    "PhotoError",
    "Refused",
    "Screener",
    "Screening",
    "__version__",
    "read_history",
    "read_photo",
]

_HOMES = {
    "mpoxlens.bundle": ("Bundle",),
    "mpoxlens.errors": ("BundleError", "HistoryError", "MpoxlensError", "PhotoError"),
    "mpoxlens.photo": ("read_photo",),
    "mpoxlens.schema": ("ClinicalInfo", "Decision", "Interval", "Photo", "Screening"),
    "mpoxlens.screening.engine": ("Refused", "Screener"),
    "mpoxlens.screening.history": ("read_history",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            globals()[name] = value = getattr(import_module(module), name)
            return value
    raise AttributeError(f"module 'mpoxlens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
