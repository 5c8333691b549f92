"""`Mail` -> the bytes of a mail in the form in which it is sent. The same mail gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

from ragqa.errors import RejectedError
from ragqa.load.mail.record import Mail

_WORD_CHARACTERS = 10
"""The characters of an encoded word, which may have 75 with its charset: one in UTF-8 has at most four bytes."""


def composed(mail: Mail) -> bytes:
    """Return a mail with its text and its attachments. An attachment that cannot be read is left out."""
    parts = []
    if mail.encrypted:
        parts.append(_part("application/pkcs7-mime; smime-type=enveloped-data", b""))
    if mail.plain.strip():
        parts.append(_part('text/plain; charset="utf-8"', mail.plain.encode("utf-8", "replace")))
    elif mail.html.strip():
        parts.append(_part('text/html; charset="utf-8"', mail.html.encode("utf-8", "replace")))
    for each in mail.attachments:
        try:
            data = each.read()
        except RejectedError:
            continue
        name = quote(each.name.encode("utf-8", "replace"), safe="")
        parts.append(
            _part("application/octet-stream", data, f"Content-Disposition: attachment; filename*=utf-8''{name}")
        )
    boundary = f"=_{hashlib.sha256(b''.join(parts)).hexdigest()[:40]}"
    lines = [*_head(mail), "MIME-Version: 1.0", f'Content-Type: multipart/mixed; boundary="{boundary}"', "", ""]
    body = b"".join(f"--{boundary}\n".encode() + part for part in parts)
    return "\n".join(lines).encode() + body + f"--{boundary}--\n".encode()


def _head(mail: Mail) -> list[str]:
    fields = (
        ("From", mail.sender), ("To", ", ".join(mail.to)), ("Cc", ", ".join(mail.cc)), ("Date", mail.date),
        ("Subject", mail.subject or "(no subject)"), ("Message-ID", mail.message_id and f"<{mail.message_id}>"),
        ("In-Reply-To", "<unknown>" if mail.refers else ""),
    )  # fmt: skip
    return [f"{name}: {_encoded(value)}" for name, value in fields if value]


def _encoded(value: str) -> str:
    value = " ".join(value.split())
    if value.isascii() and "=?" not in value:
        return value
    words = (value[at : at + _WORD_CHARACTERS] for at in range(0, len(value), _WORD_CHARACTERS))
    return " ".join(f"=?utf-8?b?{base64.b64encode(each.encode('utf-8', 'replace')).decode()}?=" for each in words)


def _part(kind: str, data: bytes, disposition: str = "") -> bytes:
    head = f"Content-Type: {kind}\nContent-Transfer-Encoding: base64\n{disposition + chr(10) if disposition else ''}\n"
    return head.encode() + base64.encodebytes(data) + b"\n"
