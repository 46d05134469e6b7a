"""The QR code in a picture, read with OpenCV, which the clinic does without."""

from __future__ import annotations

from pathlib import Path

import cv2

from mpoxlens.errors import DataError
from mpoxlens.photo import read_photo


def find_code(path: str | Path) -> str:
    """Return the text of the QR code in a picture; `takeaway.read_code` verifies it.

    Raises:
        PhotoError: the picture cannot be read or is refused.
        DataError: no QR code is seen in it.
    """
    text: str = cv2.QRCodeDetector().detectAndDecode(read_photo(path).pixels)[0]
    if not text:
        mend = "hold the code flat, in good light, fill the frame, or give its text"
        raise DataError(str(path), "no QR code is seen in the picture", mend)
    return text
