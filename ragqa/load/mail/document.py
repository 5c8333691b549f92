"""`Mail` -> the text, the fields and the attached files. A mail's text is what a reader sees: header, then body."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.mail.body import of_html
from ragqa.load.mail.quoted import without_quoted
from ragqa.load.mail.record import Mail
from ragqa.load.member import Member, skipped
from ragqa.records import Extracted

_PGP = re.compile(r"-----BEGIN PGP MESSAGE-----.*?(?:-----END PGP MESSAGE-----|\Z)", re.DOTALL)
_PGP_SIGNED = re.compile(r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z]+: .*\n)*\n")
_PGP_SIGNATURE = re.compile(r"-----BEGIN PGP SIGNATURE-----.*?(?:-----END PGP SIGNATURE-----|\Z)", re.DOTALL)
_BLANK_LINES = re.compile(r"\n{3,}")
_STUB_CHARACTERS = 500
"""A shorter plain text beside an HTML body may only say that the mail is in HTML."""
_STUB_SHARE = 0.5
"""It does so where it has less than this part of the other's words."""
_OWN_SHARE = 0.5
"""HTML with a table has at least this part of the plain text's words; else the plain text says what it does not."""
_NAMED_TABLE = re.compile(r"^\|(?:---\|)+$", re.MULTILINE)


def extracted(mail: Mail, limits: Limits) -> Extracted:
    """Return sender, recipients, date and subject, one to a line, and the body, with the subject as title.

    The body is the plain text, and that of the HTML where there is no plain text, or it says more. The message that a reply quotes whole
    at its end is left out (see `quoted`).

    Metadata: `from`, `to`, `cc`, `date` (ISO 8601), `subject`, `message_id`; `attachments`, their names; `not_read`, a
    mapping of what is in the mail and not in the text, such as lines of a quoted message, to how often.

    :raises RejectedError: the body is encrypted.
    """
    if mail.encrypted and not (mail.plain.strip() or mail.html.strip()):
        raise RejectedError(
            f"{mail.encrypted}: save it decrypted; its header says: {mail.subject or 'no subject'}"[:300]
        )
    not_read = Counter(mail.not_read)
    body, hidden = _PGP.subn("", _body(mail, not_read))
    if hidden and not body.strip():
        raise RejectedError("encrypted (OpenPGP): save it decrypted")
    body = _PGP_SIGNATURE.sub("", _PGP_SIGNED.sub("", body))
    body, quoted = without_quoted(body.strip("\n"), mail.subject, mail.refers)
    counts = (("encrypted parts", hidden + bool(mail.encrypted)), ("quoted lines", quoted))
    not_read += Counter(dict(counts))
    text = f"{_head(mail)}\n\n{body}".strip("\n")
    return Extracted(text, mail.subject, metadata=_fields(mail) | ({"not_read": dict(not_read)} if not_read else {}))


def _body(mail: Mail, not_read: Counter[str]) -> str:
    plain = mail.plain.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    if mail.html and (len(plain.strip()) < _STUB_CHARACTERS or "<table" in mail.html.lower()):
        struck: Counter[str] = Counter()
        shown = of_html(mail.html, struck)
        if _says_more(shown, plain):
            plain = shown
            not_read += struck
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in plain.split("\n")))


def _says_more(shown: str, plain: str) -> bool:
    """Tell whether the HTML of a mail says more than its plain text: a table with names of columns and what the plain text
    says, or most of the words."""
    words, own = set(shown.split()), set(plain.split())
    is_stub = len(plain.strip()) < _STUB_CHARACTERS and len(words & own) < _STUB_SHARE * len(words)
    has_table = bool(_NAMED_TABLE.search(shown)) and len(words & own) >= _OWN_SHARE * len(own)
    return has_table or (is_stub and len(words) > len(own))


def _head(mail: Mail) -> str:
    shown = (
        ("From", mail.sender), ("To", ", ".join(mail.to)), ("Cc", ", ".join(mail.cc)), ("Date", mail.date),
        ("Subject", mail.subject),
    )  # fmt: skip
    return "\n".join(f"{name}: {value}" for name, value in shown if value)


def _fields(mail: Mail) -> dict[str, Any]:
    fields = {
        "from": mail.sender,
        "to": mail.to,
        "cc": mail.cc,
        "date": mail.sent or mail.date,
        "subject": mail.subject,
        "message_id": mail.message_id,
        "attachments": [each.name for each in mail.attachments],
    }
    return {name: value for name, value in fields.items() if value}


def attached(mail: Mail) -> list[Member]:
    """Return the attached files, by their names."""
    return [
        skipped(each.name, each.reason) if each.reason else Member(each.name, each.read) for each in mail.attachments
    ]
