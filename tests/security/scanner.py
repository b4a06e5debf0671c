"""Finds a secret in bytes, however it is spelled: text, JSON, URL, hex (as bytea), base64."""

import base64
import json
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import quote


def spellings(secret: str) -> dict[str, bytes]:
    """A secret's spellings, by name; those of upper and lower case letters are in lower case."""
    found: dict[str, bytes] = {}
    for variant, raw in variants(secret):
        text = raw.decode("utf-8", "replace")
        if variant != "raw":
            found[f"{variant} text"] = raw.lower()
            found[f"{variant} json"] = json.dumps(text)[1:-1].encode().lower()
            found[f"{variant} url"] = quote(text, safe="").encode().lower()
        found[f"{variant} hex"] = raw.hex().encode()
        for shift in range(3):
            found[f"{variant} base64+{shift}"] = inner_base64(raw, shift)
    return found


def variants(secret: str) -> Iterator[tuple[str, bytes]]:
    """The bytes that mean the same secret."""
    yield "nfc", unicodedata.normalize("NFC", secret).encode()
    yield "nfd", unicodedata.normalize("NFD", secret).encode()
    if "-" in secret or " " in secret:
        yield "bare", secret.replace("-", "").replace(" ", "").encode()
    try:
        yield "raw", uuid.UUID(secret).bytes
    except ValueError:
        return


def inner_base64(raw: bytes, shift: int) -> bytes:
    """What base64 makes of `raw` when `shift` unknown bytes stand before it, without its edges."""
    encoded = base64.b64encode(bytes(shift) + raw)
    start = 0 if shift == 0 else shift + 1
    rest = (shift + len(raw)) % 3
    end = len(encoded) if rest == 0 else len(encoded) - 4 + rest
    return encoded[start:end]


def found(secrets: Mapping[str, str], haystack: bytes) -> list[str]:
    """Which spellings of which secrets are in the bytes."""
    folded = haystack.lower()
    standard = haystack.replace(b"-", b"+").replace(b"_", b"/")
    hits = []
    for name, secret in secrets.items():
        for spelling, needle in spellings(secret).items():
            where = (haystack, standard) if "base64" in spelling else (folded,)
            if any(needle in each for each in where):
                hits.append(f"{name} as {spelling}")
    return hits
