"""A remote expert's side of a hand-over: make a pair of keys, and open what the page locked for it.

ECDH on P-256 between the expert's key and one made for the file alone, HKDF-SHA-256 (salt: both public points), and
AES-256-GCM, which is ECIES (SEC 1, 5.1) with an AEAD. The file shows that nobody else could read or change it on its
way; it does not show who locked it. `web/src/takeaway/handover.ts` locks. Needs the `handover` extra.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpoxlens.errors import DataError

PURPOSE = "mpoxlens handover 1"
MAX_BYTES = 64 * 2**20  # a record with a photograph takes some megabytes
FIELDS = ("format", "version", "to", "ephemeral", "iv", "ciphertext")
SIGNS = re.compile(r"[A-Za-z0-9_-]+")
FINGERPRINT = re.compile(r"[0-9A-F]{16}")
ASK_AGAIN = "ask the sender to save and pass on the file again"


def make_key(path: Path) -> str:
    """Write a new private key to a file that only its owner may read, and return the public key's text.

    Raises:
        DataError: there is such a file already, or it cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise DataError(str(path), "there is such a file already", "name a new file: a key is never replaced") from None
    except OSError as error:
        raise DataError(str(path), f"cannot be written ({error.strerror})", "name a file in another folder") from None
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    return public_text(key)


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the public half of a key as the page reads it: MPOXLENS-KEY, version, point, checksum."""
    point = _point(key)
    return f"MPOXLENS-KEY:1:{_encoded(point)}:{_fingerprint(point)}"


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key that `make_key` wrote; DataError when it is none."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        raise DataError(str(path), "it is no private key", "make one with: mpoxlens handover key FILE") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise DataError(str(path), "it is a key of another kind", "make one with: mpoxlens handover key FILE")
    return key


def open_file(path: Path, key: ec.EllipticCurvePrivateKey) -> str:
    """Return the record that a file holds, as JSON text in ASCII: whoever locked it may have put anything into it.

    Raises:
        DataError: no such file, locked for another key, damaged or changed, or no record in it.
    """
    name = str(path)
    locked = _locked(_read(path), name)
    if locked["to"] != _fingerprint(_point(key)):
        raise DataError(name, f"it was locked for the key {locked['to']}", "open it with that key")
    try:
        secret = _secret(key, _decoded(locked["ephemeral"]))
        named = f"{PURPOSE}:{locked['to']}:{locked['ephemeral']}".encode()
        text = AESGCM(secret).decrypt(_decoded(locked["iv"]), _decoded(locked["ciphertext"]), named)
    except (ValueError, InvalidTag):
        raise DataError(name, "it is damaged or was changed on its way", ASK_AGAIN) from None
    return _record(text, name)


def _record(text: bytes, name: str) -> str:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != "mpoxlens take-along":
        raise DataError(name, "it was opened, but what it holds is no record of mpoxlens", ASK_AGAIN)
    return json.dumps(found, indent=1) + "\n"


def _secret(key: ec.EllipticCurvePrivateKey, ephemeral: bytes) -> bytes:
    """ECDH and HKDF; ValueError for a point that is not on the curve."""
    other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral)
    stretched = HKDF(hashes.SHA256(), length=32, salt=ephemeral + _point(key), info=PURPOSE.encode())
    return stretched.derive(key.exchange(ec.ECDH(), other))


def _locked(raw: bytes, name: str) -> Mapping[str, str]:
    try:
        found: Any = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != "mpoxlens handover":
        raise DataError(name, "it is no locked file of mpoxlens", "give the file that the page saved")
    if found.get("version") != 1:
        raise DataError(name, "it is of another version than this mpoxlens reads", "update mpoxlens")
    if any(not isinstance(found.get(field), str) for field in FIELDS[2:]):
        raise DataError(name, "a part of it is missing", ASK_AGAIN)
    if not FINGERPRINT.fullmatch(found["to"]):
        raise DataError(name, "it does not name the key that it was locked for", ASK_AGAIN)
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "check the name") from None
    if len(raw) > MAX_BYTES:
        raise DataError(str(path), f"larger than {MAX_BYTES // 2**20} MB", ASK_AGAIN)
    return raw


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public point, uncompressed: 65 bytes."""
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


def _fingerprint(point: bytes) -> str:
    return sha256(point).hexdigest()[:16].upper()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """ValueError for what is no base64url; Python alone would pass over foreign signs."""
    if not SIGNS.fullmatch(text):
        raise binascii.Error("foreign signs")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
