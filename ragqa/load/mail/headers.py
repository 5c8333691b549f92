"""The header of a mail: its encoded words (RFC 2047), addresses and dates."""

from __future__ import annotations

import binascii
import datetime
import re
from email.utils import parsedate_to_datetime

from ragqa.load.mail.charset import known, text_of

MOST_CHARACTERS = 100_000
"""The most characters of one header line that are read."""
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,8000})\?=")
_BETWEEN = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def decoded(value: object) -> str:
    """Return the text of a header line: on one line, with its encoded words decoded."""
    raw = str(value)[:MOST_CHARACTERS]
    try:
        text = raw.encode("ascii").decode()
    except UnicodeEncodeError:  # bytes that the header should not have
        text = text_of(raw.encode("utf-8", "surrogateescape"))[0]
    if "=?" in text:
        text = _words(_BETWEEN.sub("", text))
    return " ".join(_CONTROL.sub(" ", text).split())


def _words(text: str) -> str:
    """Decode encoded words. The bytes of neighbours in one charset are joined first: a character may be in both."""
    pieces: list[str] = []
    waiting, charset, end = b"", "", 0

    def flush() -> None:
        nonlocal waiting
        if waiting:
            pieces.append(text_of(waiting, charset)[0])
            waiting = b""

    for match in _WORD.finditer(text):
        own = match[1].partition("*")[0].lower()
        if match.start() > end or own != charset or known(own).startswith("iso2022"):
            flush()
        pieces.append(text[end : match.start()])
        data = _bytes(match[2].upper(), match[3])
        if data is None:
            flush()
            pieces.append(match[0])
        else:
            waiting, charset = waiting + data, own
        end = match.end()
    flush()
    return "".join(pieces) + text[end:]


def _bytes(encoding: str, text: str) -> bytes | None:
    """Return the bytes of an encoded word; None where it is damaged."""
    data = text.encode("utf-8", "replace")
    if encoding == "Q":
        return _HEX.sub(lambda match: bytes.fromhex(match[1].decode()), data.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(data.rstrip(b"=") + b"==="[: -len(data.rstrip(b"=")) % 4])
    except binascii.Error:
        return None


def addresses(value: object) -> list[str]:
    """Return the addresses of a header line as a reader sees them: `Name <address>`, without quotes and comments."""
    found: list[str] = []
    piece: list[str] = []
    quoted, depth, angle, escaped = False, 0, False, False
    for character in str(value)[:MOST_CHARACTERS]:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == '"' and not depth:
            quoted = not quoted
            continue
        elif not quoted and character == "(":
            depth += 1
        elif not quoted and character == ")" and depth:
            depth -= 1
        elif not quoted and not depth:
            angle = character == "<" or (angle and character != ">")
            if character in ",;" and not angle:
                found.append("".join(piece))
                piece = []
                continue
            if character == ":" and not angle:  # the name of a group of addresses
                piece = []
                continue
        piece.append(character)
    found.append("".join(piece))
    return [address for each in found if (address := _shown(decoded(each)))]


def _shown(text: str) -> str:
    """Return an address; without its name where that is the address itself."""
    name, _, address = text.partition("<")
    name, address = name.strip().strip("'\""), address.strip(" >'\"")
    return (
        address
        if address and name.casefold() in ("", address.casefold())
        else f"{name} <{address}>"
        if address
        else name
    )


def iso(date: str) -> str:
    """Return the date of a header line in the form of ISO 8601; empty where it cannot be understood."""
    try:
        found = parsedate_to_datetime(date[:200])
        return found.isoformat() if isinstance(found, datetime.datetime) else ""
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
