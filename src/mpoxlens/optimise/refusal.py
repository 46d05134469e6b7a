"""One line for a network that a converter does not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mpoxlens.errors import BundleError, MpoxlensError

SHOWN = 200  # characters of a converter's message, which may be a whole graph


@contextmanager
def unsupported(runtime: str, precision: str) -> Iterator[None]:
    """Turn what a converter raises into a BundleError; what is already one of our lines passes.

    Raises:
        BundleError: anything that the converter raised.
    """
    try:
        yield
    except (MpoxlensError, OSError, MemoryError):
        raise
    except Exception as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        why = f"the converter refuses an operator of this network ({type(error).__name__}: {said[:SHOWN]})"
        mend = "try --precision fp32, another --to, or another backbone"
        raise BundleError(f"--to {runtime} --precision {precision}", why, mend) from error
