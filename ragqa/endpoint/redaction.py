"""Removes secrets from messages of an endpoint, which may repeat them in plain or encoded form."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

_SHOWN = 8
"""This number of consecutive characters of a secret reveals it."""
_LEFT_OUT = "what it says repeats the key, and is left out"


def redacted(text: str, secrets: Sequence[str], most: int = 300) -> str:
    """Return a text of an endpoint without any secret, on one line, in printable characters, at most `most` of them.

    A text with a part of a secret, plain or in URL, base64, hex or HTML encoding, is left out completely. A word that
    is too short to be a secret (local servers accept any key) is only masked.
    """
    for secret in filter(None, secrets):
        if len(_plain(secret)) < _SHOWN:
            text = text.replace(secret, "***")
        elif _reveals(text, secret):
            return _LEFT_OUT
    return "".join(character for character in " ".join(text.split()) if character.isprintable())[:most].strip()


def _reveals(text: str, secret: str) -> bool:
    """Tell whether a text contains a part of a secret, in any of its forms."""
    # Look for each run of characters of each form of the secret in each decoded form of the text.
    readings = [_plain(reading) for reading in (text, unquote(text), html.unescape(text), _unescaped(text))]
    for form in map(_plain, _forms(secret)):
        size = min(_SHOWN, len(form))
        parts = {form[at : at + size] for at in range(len(form) - size + 1)}
        if size and any(part in reading for part in parts for reading in readings):
            return True
    return False


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a secret may be repeated."""
    raw = secret.encode()
    yield secret
    yield secret[::-1]
    yield quote(secret, safe="")
    yield raw.hex()
    for before in range(
        3
    ):  # bytes before the secret shift its base64; the characters at both ends depend on other bytes and are left out
        encoded = base64.b64encode(b"\0" * before + raw)
        middle = encoded.rstrip(b"=")[(4 if before else 0) : len(encoded) - 4]
        yield middle.decode()


def _plain(text: str) -> str:
    """Return a text in lower case, without separators that may be between the characters of a secret."""
    return re.sub(r"[\s\\%:,.;\"'`*+/=_-]+", "", text).lower()


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
