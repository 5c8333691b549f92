"""A mail in the form in which it is sent (RFC 5322, MIME) -> `Mail`. Python's own parser divides it into its parts."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from functools import partial

from ragqa.errors import RejectedError
from ragqa.load.mail.charset import text_of
from ragqa.load.mail.headers import addresses, decoded, iso
from ragqa.load.mail.record import Attachment, Mail
from ragqa.load.member import part

_KNOWN = ("from", "to", "cc", "subject", "date", "message-id", "received", "return-path", "mime-version", "sender")
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")
_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SUFFIXES = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/calendar": ".ics",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
    "message/rfc822": ".eml",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/json": ".json",
    "application/rtf": ".rtf",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.ms-outlook": ".msg",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/octet-stream": ".bin",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
}
"""The suffix of an attachment whose name has none. (`mimetypes` reads files of the system, which the sandbox may not.)"""
_HEAD_END = re.compile(rb"\r?\n\r?\n")
# What Python's parser raises over damaged headers of parts.
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)


def parsed(data: bytes) -> Mail:
    """Return the mail in a file.

    :raises RejectedError: the file is no mail, or is nested too deeply.
    """
    try:
        message = BytesParser(policy=compat32).parsebytes(data.removeprefix(b"\xef\xbb\xbf"))
        if not any(message.get(name) for name in _KNOWN):
            raise RejectedError("not a mail: it has no header with a sender, a subject or a date")
        mail = _head(message)
        _Body(mail).take(message)
    except RejectedError:  # which is a ValueError
        raise
    except _DAMAGED as error:
        raise RejectedError(f"damaged: {type(error).__name__}: {error}") from error
    return mail


def is_text_alone(data: bytes) -> bool:
    """Tell by its header that a mail is one text without attachments, so that its body need not be parsed."""
    end = _HEAD_END.search(data)
    head = BytesParser(policy=compat32).parsebytes(data[: end.end()] if end else data, headersonly=True)
    return head.get_content_type() in ("text/plain", "text/html") and not _is_attached(head)


def _head(message: Message) -> Mail:
    """Return a mail with the fields of its header."""
    date = decoded(message.get("date") or "")
    return Mail(
        sender=", ".join(addresses(message.get("from") or message.get("sender") or "")),
        to=[each for value in message.get_all("to", []) for each in addresses(value)],
        cc=[each for value in message.get_all("cc", []) for each in addresses(value)],
        date=date,
        sent=iso(date),
        subject=decoded(message.get("subject") or ""),
        message_id=decoded(message.get("message-id") or "").strip("<> "),
        refers=bool(message.get("in-reply-to") or message.get("references")),
    )


class _Body:
    """Takes the parts of a mail: its text, in one form or in two, and its attachments."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._attached: list[Message] = []

    def take(self, message: Message) -> None:
        """Add the text and the attachments of a message to its mail."""
        plain, html = self._text(message)
        self._mail.plain, self._mail.html = "\n\n".join(plain), "\n".join(html)
        for each in self._attached:
            if _is_shown_picture(each, self._mail.html):
                self._mail.not_read["pictures"] += 1
            else:
                number = len(self._mail.attachments) + 1
                self._mail.attachments.append(Attachment(_name(each, number), partial(_content, each)))

    def _text(self, message: Message) -> tuple[list[str], list[str]]:
        """Return the text of a part as plain text and as HTML, each in pieces."""
        kind = message.get_content_type()
        if message.is_multipart() and kind != "message/rfc822":
            return self._of_parts(message, kind)
        if self._is_encrypted(message, kind):
            return [], []
        if kind.startswith("multipart/"):  # without the mark between its parts it is one text
            kind = "text/plain"
        if kind not in ("text/plain", "text/html") or _is_attached(message):
            if kind not in _SIGNATURES:
                self._attached.append(message)
            return [], []
        text, lost = text_of(_payload(message), message.get_content_charset() or "")
        if lost:
            self._mail.not_read["undecodable characters"] += lost
        if kind == "text/html":
            return [], [text]
        flowed = str(message.get_param("format") or "").lower() == "flowed"
        return [unflowed(text, str(message.get_param("delsp") or "").lower() == "yes") if flowed else text], []

    def _of_parts(self, message: Message, kind: str) -> tuple[list[str], list[str]]:
        if kind == "multipart/encrypted":
            self._mail.encrypted = "encrypted (OpenPGP)"
            return [], []
        parts = [each for each in message.get_payload() if isinstance(each, Message)]
        found = [self._text(each) for each in parts]
        if kind == "multipart/alternative":
            plain = next((own for own, _ in found if any(text.strip() for text in own)), [])
            html = next((own for _, own in reversed(found) if any(text.strip() for text in own)), [])
            return plain, html
        if any(own for own, _ in found) and any(not own and other for own, other in found):
            return self._mixed(found)  # one after another and not for choice: both are needed
        return [text for own, _ in found for text in own], [text for _, own in found for text in own]

    def _mixed(self, found: list[tuple[list[str], list[str]]]) -> tuple[list[str], list[str]]:
        """Return the pieces of all parts as plain text."""
        from ragqa.load.mail.body import of_html

        plain = [
            text for own, other in found for text in (own or [of_html(each, self._mail.not_read) for each in other])
        ]
        return plain, []

    def _is_encrypted(self, message: Message, kind: str) -> bool:
        if kind not in _PKCS7:
            return False
        name = str(message.get_param("smime-type") or "").lower()
        if name == "signed-data":
            self._mail.encrypted = "signed in a form that hides the text (opaque S/MIME)"
        elif name != "certs-only":
            self._mail.encrypted = "encrypted (S/MIME)"
        return True


def _is_attached(message: Message) -> bool:
    """Tell whether a text is a file of its own, and not a part of what the sender wrote."""
    disposition = message.get_content_disposition()
    return disposition == "attachment" or bool(message.get_filename())


def _is_shown_picture(message: Message, html: str) -> bool:
    """Tell whether a part is a picture that is shown in the text, as the logo of a signature is."""
    if message.get_content_maintype() != "image":
        return False
    own = str(message.get("content-id") or "").strip("<> \t\r\n")
    disposition = message.get_content_disposition()
    shown = bool(own) and f"cid:{own}" in html
    return shown or disposition == "inline" or (bool(own) and disposition != "attachment")


def _name(message: Message, number: int) -> str:
    """Return the name of an attachment; one by its type and number where it has none."""
    kind = message.get_content_type()
    name = part(decoded(message.get_filename() or message.get_param("name") or ""))
    if not name and kind == "message/rfc822":
        name = part(next((decoded(each.get("subject") or "") for each in _inner(message)), ""))
    name = name or f"attachment {number}"
    suffix = _SUFFIXES.get(kind, "")
    if kind == "message/rfc822":
        return name if name.lower().endswith(".eml") else f"{name}.eml"
    return name if re.search(r"\.[A-Za-z0-9]{1,8}\Z", name) else f"{name}{suffix}"


def _inner(message: Message) -> Iterator[Message]:
    payload = message.get_payload()
    return (each for each in (payload if isinstance(payload, list) else []) if isinstance(each, Message))


def _content(message: Message) -> bytes:
    """Return the bytes of an attachment; those of an attached mail are written again from its parts.

    :raises RejectedError: they are damaged.
    """
    try:
        if message.get_content_maintype() == "message":
            inner = b"\n".join(each.as_bytes(policy=compat32) for each in _inner(message))
            if str(message.get("content-transfer-encoding") or "").strip().lower() == "base64":
                return binascii.a2b_base64(inner)
            return inner or _payload(message)
        return _payload(message)
    except _DAMAGED as error:
        raise RejectedError(f"damaged: {type(error).__name__}: {error}") from error


def _payload(message: Message) -> bytes:
    payload = message.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def unflowed(text: str, delete_space: bool) -> str:
    """Return a text in `format=flowed` (RFC 3676) with the lines of a paragraph joined."""
    lines: list[str] = []
    depth, open_ = 0, False
    for line in text.splitlines():
        body = line.lstrip(">")
        own = len(line) - len(body)
        body = body.removeprefix(" ")
        soft = body.endswith(" ") and body != "-- "
        if open_ and own == depth:
            lines[-1] += body
        else:
            lines.append(f"{'>' * own} {body}" if own else body)
        if soft and delete_space:
            lines[-1] = lines[-1][:-1]
        depth, open_ = own, soft
    return "\n".join(lines)
