"""The bytes of a text in a mail -> text. Unlike a file, a mail is read even where its charset is wrong."""

from __future__ import annotations

import codecs

from ragqa.errors import RejectedError
from ragqa.load.decode import decode

# Programs declare the first and write the second, which has all characters of the first.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_ALIASES = {
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "unicode-1-1-utf-7": "utf-7",
    "cp-850": "cp850",
}
_ENOUGH = 64
"""The fewest bytes from which a charset is guessed."""


def text_of(data: bytes, charset: str = "") -> tuple[str, int]:
    """Return a text, and how many of its bytes could not be decoded.

    The encoding is UTF-8 where the bytes are valid in it and not ASCII, then the declared one, then a guess.
    """
    declared = known(charset)
    stateful = declared.startswith(("iso2022", "utf_7", "utf-7", "hz", "utf-16", "utf-32"))
    for encoding in [declared] if stateful else ["utf-8", declared]:
        try:
            return data.decode(encoding), 0
        except UnicodeError:
            continue
    if len(data) >= _ENOUGH and not charset:
        try:
            return decode(data)[0], 0
        except RejectedError:
            pass
    text = data.decode(declared, "replace")
    return text, text.count("\ufffd")


def known(charset: str) -> str:
    """Return the name of an encoding for text that Python has; that of Western Europe where it has none."""
    name = charset.strip().strip("\"'").lower()
    try:
        info = codecs.lookup(_ALIASES.get(name, name))
    except (LookupError, ValueError):
        return "cp1252"
    encodes_text = getattr(info, "_is_text_encoding", True) and not info.name.startswith(
        ("raw", "unicode", "idna", "puny")
    )
    return _WIDER.get(info.name, info.name) if encodes_text else "cp1252"
