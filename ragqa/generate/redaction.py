"""Keeps secrets out of messages about an endpoint: it may repeat them, as they are or encoded."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

_SHOWN = 8
"""So many characters of a secret in a row reveal it."""
_LEFT_OUT = "what it says repeats the key, and is left out"


def redacted(text: str, secrets: Sequence[str], most: int = 300) -> str:
    """Return a foreign text on one line, in printable characters, cut to `most` of them, without any secret.

    A text with a part of a secret, as it is or URL-, base64-, hex- or HTML-encoded, is left out whole. A word that is
    too short to be a secret (local servers take any) is crossed out.
    """
    for secret in filter(None, secrets):
        if len(_plain(secret)) < _SHOWN:
            text = text.replace(secret, "***")
        elif _reveals(text, secret):
            return _LEFT_OUT
    return "".join(character for character in " ".join(text.split()) if character.isprintable())[:most].strip()


def _reveals(text: str, secret: str) -> bool:
    # Look for each run of characters of each form of the secret in each reading of the text.
    readings = [_plain(reading) for reading in (text, unquote(text), html.unescape(text), _unescaped(text))]
    for form in map(_plain, _forms(secret)):
        size = min(_SHOWN, len(form))
        parts = {form[at : at + size] for at in range(len(form) - size + 1)}
        if size and any(part in reading for part in parts for reading in readings):
            return True
    return False


def _forms(secret: str) -> Iterator[str]:
    """Yield what a secret looks like where it is repeated."""
    raw = secret.encode()
    yield secret
    yield secret[::-1]
    yield quote(secret, safe="")
    yield raw.hex()
    for before in range(
        3
    ):  # bytes before it shift its base64; the characters at both ends that depend on them are left out
        encoded = base64.b64encode(b"\0" * before + raw)
        middle = encoded.rstrip(b"=")[(4 if before else 0) : len(encoded) - 4]
        yield middle.decode()


def _plain(text: str) -> str:
    """Return a text without what may stand between the characters of a secret, and without case."""
    return re.sub(r"[\s\\%:,.;\"'`*+/=_-]+", "", text).lower()


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
