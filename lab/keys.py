"""The key that signs service account tokens, made without a crypto library or openssl.

An elliptic-curve private key is a random number; SEC 1 (RFC 5915) lets the public half be left out, and the API
server computes it.
"""

from __future__ import annotations

import base64
import secrets

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_OID = bytes.fromhex("06082a8648ce3d030107")


def private_key() -> str:
    """A fresh P-256 private key as PEM."""
    number = (secrets.randbelow(_P256_ORDER - 1) + 1).to_bytes(32, "big")
    body = b"\x02\x01\x01" + b"\x04\x20" + number + b"\xa0" + bytes([len(_P256_OID)]) + _P256_OID
    text = base64.encodebytes(b"\x30" + bytes([len(body)]) + body).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"
