"""What the page locks is opened here with the right key alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpoxlens import handover
from mpoxlens.errors import DataError
from mpoxlens.screening.json_lines import schema_text

PAGE = Path(__file__).parents[1] / "web/test/unit"
LOCKED, KEY = PAGE / "takeaway.locked.json", PAGE / "takeaway.key.pem"  # the page locked it for this test key


def test_a_file_that_the_page_locked_is_opened() -> None:
    record = json.loads(handover.open_file(LOCKED, handover.read_key(KEY)))
    assert record["format"] == "mpoxlens take-along"
    assert record["screening"]["probability"] == 0.8125
    jsonschema.validate(record["screening"], json.loads(schema_text()))
    assert record["answers"]["contact_21_days"] is True


def test_the_public_key_is_the_one_that_the_page_reads() -> None:
    assert handover.public_text(handover.read_key(KEY)) == (PAGE / "takeaway.key.txt").read_text().strip()


def test_a_new_key_is_for_its_owner_alone_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    public = handover.make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert handover.public_text(handover.read_key(path)) == public
    with pytest.raises(DataError, match="there is such a file already"):
        handover.make_key(path)


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    handover.make_key(tmp_path / "key.pem")
    with pytest.raises(DataError, match="locked for the key E3A3E83D2FEC2A32"):
        handover.open_file(LOCKED, handover.read_key(tmp_path / "key.pem"))


@pytest.mark.parametrize(
    ("part", "value", "why"),
    [
        ("format", "another", "no locked file"),
        ("version", 2, "another version"),
        ("iv", None, "a part of it is missing"),
        ("to", "\x1b[2J\x1b]0;title\x07", "does not name the key"),
        ("to", "e3a3e83d2fec2a32", "does not name the key"),
        ("iv", "AAAAAAAAAAAAAAAA", "damaged or was changed"),
        ("iv", "no base64!", "damaged or was changed"),
        ("ephemeral", "BAAA", "damaged or was changed"),
        ("ciphertext", "AAAA", "damaged or was changed"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, part: str, value: object, why: str) -> None:
    locked = json.loads(LOCKED.read_text()) | {part: value}
    (tmp_path / "locked.json").write_text(json.dumps(locked))
    with pytest.raises(DataError, match=why):
        handover.open_file(tmp_path / "locked.json", handover.read_key(KEY))


def locked_for(key: ec.EllipticCurvePrivateKey, text: bytes, path: Path) -> Path:
    """Lock any text as the page does; the page itself locks nothing but records."""
    own, iv = ec.generate_private_key(ec.SECP256R1()), bytes(12)
    to, ephemeral = handover._fingerprint(handover._point(key)), handover._encoded(handover._point(own))
    salt = handover._point(own) + handover._point(key)
    secret = HKDF(SHA256(), length=32, salt=salt, info=handover.PURPOSE.encode()).derive(
        own.exchange(ec.ECDH(), key.public_key())
    )
    ciphertext = AESGCM(secret).encrypt(iv, text, f"{handover.PURPOSE}:{to}:{ephemeral}".encode())
    parts = {"to": to, "ephemeral": ephemeral, "iv": handover._encoded(iv), "ciphertext": handover._encoded(ciphertext)}
    path.write_text(json.dumps({"format": "mpoxlens handover", "version": 1, **parts}))
    return path


def test_a_record_cannot_steer_the_terminal(tmp_path: Path) -> None:
    key, steering = handover.read_key(KEY), "\x1b[2J\x9b1m\u202e"
    text = json.dumps({"format": "mpoxlens take-along", "note": steering}, ensure_ascii=False)
    opened = handover.open_file(locked_for(key, text.encode(), tmp_path / "locked.json"), key)
    assert json.loads(opened)["note"] == steering
    assert all(sign == "\n" or " " <= sign <= "~" for sign in opened)


@pytest.mark.parametrize("text", [b"\x1b[2Jcleared", b"[1]", b'{"format": "another"}', b"\xff", b"[" * 100_000])
def test_a_locked_text_that_is_no_record_is_refused(tmp_path: Path, text: bytes) -> None:
    key = handover.read_key(KEY)
    with pytest.raises(DataError, match="no record of mpoxlens"):
        handover.open_file(locked_for(key, text, tmp_path / "locked.json"), key)


def test_what_is_no_key_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key")
    with pytest.raises(DataError, match="no private key"):
        handover.read_key(tmp_path / "text")
    with pytest.raises(DataError, match="no locked file"):
        handover.open_file(tmp_path / "text", handover.read_key(KEY))
    with pytest.raises(DataError, match="cannot be read"):
        handover.read_key(tmp_path / "absent")
