"""A photograph as it was ingested, or none: whatever is kept under a photograph's hash must be of that content."""

from __future__ import annotations

from pathlib import Path

from mpoxlens.errors import DataError
from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.schema import Photo


def read_original(path: Path, sha256: str) -> Photo:
    """Read the photograph that was ingested.

    Raises:
        PhotoError: it is gone, or no usable photograph.
        DataError: another file lies in its place.
        MissingExtraError: a HEIC photograph without the `heic` extra.
    """
    return decode_original(read_bytes(path), path, sha256)


def decode_original(data: bytes, path: Path, sha256: str) -> Photo:
    """Decode the bytes of the photograph that was ingested; raises as `read_original` does."""
    photo = decode_photo(data, str(path))
    if photo.sha256 != sha256:
        raise DataError(str(path), "its content changed since it was ingested", "ingest it again")
    return photo
