"""A mail as Outlook saves it (`.msg`) -> `Mail`."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from email.parser import Parser
from email.policy import compat32
from email.utils import format_datetime
from functools import partial

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.mail.charset import text_of
from ragqa.load.mail.compose import composed
from ragqa.load.mail.headers import addresses, decoded, iso
from ragqa.load.mail.mapi import OLE, Properties, Store
from ragqa.load.mail.record import Attachment, Mail
from ragqa.load.mail.rtf import decompressed, text_in
from ragqa.load.member import part

_CLASS, _SUBJECT, _SUBMITTED, _DELIVERED, _HEADERS, _BODY, _RTF, _HTML = (
    0x001A, 0x0037, 0x0039, 0x0E06, 0x007D, 0x1000, 0x1009, 0x1013,
)  # fmt: skip
_MESSAGE_ID, _REFERENCES, _IN_REPLY_TO, _TO, _CC = 0x1035, 0x1039, 0x1042, 0x0E04, 0x0E03
_SENDERS = ((0x0042, 0x5D02, 0x0065), (0x0C1A, 0x5D01, 0x0C1F))
"""The name, the SMTP address and another address: of the person for whom a mail was sent, then of who sent it."""
_RECIPIENT_TYPE, _NAME, _SMTP, _ADDRESS = 0x0C15, 0x3001, 0x39FE, 0x3003
_DATA, _METHOD, _LONG_NAME, _SHORT_NAME, _MIME, _CONTENT_ID, _HIDDEN, _FLAGS = (
    0x3701, 0x3705, 0x3707, 0x3704, 0x370E, 0x3712, 0x7FFE, 0x3714,
)  # fmt: skip
_SHOWN_IN_TEXT = 4
_DEEPEST = 8
"""How deep mails that are attached to mails are read."""
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|webp|svg|ico)\Z", re.IGNORECASE)


def parsed(data: bytes, limits: Limits) -> Mail:
    """Return the mail in a file.

    :raises RejectedError: the file is no mail, or damaged.
    """
    if not data.startswith(OLE):
        raise RejectedError("not an Outlook message: it is no OLE file")
    store = Store(data, limits)
    if store.stream("__properties_version1.0") is None:
        raise RejectedError("not an Outlook message: an OLE file of another kind")
    return _Reader(store, limits).mail("", "top")


class _Reader:
    """Reads the message of a file, and the messages that are attached to it."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store, self._limits = store, limits

    def mail(self, place: str, kind: str) -> Mail:
        """Return the message in a place of the file."""
        own = Properties(self._store, place, kind)
        mail = _head(own)
        to, cc = self._recipients(own)
        mail.to, mail.cc = to or mail.to, cc or mail.cc
        mail.plain, mail.html = own.text(_BODY), self._html(own)
        if not (mail.plain.strip() or mail.html.strip()):
            mail.plain, mail.html = self._rtf(own)
        message_class = own.text(_CLASS).upper()
        if message_class.startswith("IPM.NOTE.SMIME") and "MULTIPARTSIGNED" not in message_class:
            mail.encrypted = "encrypted or signed in a form that hides the text (S/MIME)"
        self._attach(mail, own)
        return mail

    def _recipients(self, own: Properties) -> tuple[list[str], list[str]]:
        found: dict[int | None, list[str]] = {1: [], 2: []}
        for place in self._store.storages(own.place, "__recip_version1.0_"):
            each = Properties(self._store, place, "other", own.charset)
            address = _address(each.text(_NAME), each.text(_SMTP), each.text(_ADDRESS))
            if address:
                found.setdefault(each.number(_RECIPIENT_TYPE), []).append(address)
        return found[1], found[2]

    def _html(self, own: Properties) -> str:
        data = own.data(_HTML)
        if data is None:
            return own.text(_HTML)
        declared = _CHARSET.search(data[:4096])
        return text_of(data, own.internet_charset or (declared[1].decode("ascii") if declared else ""))[0].rstrip("\0")

    def _rtf(self, own: Properties) -> tuple[str, str]:
        """Return the plain text and the HTML in the compressed RTF; one of them is empty."""
        data = own.data(_RTF)
        if not data:
            return "", ""
        text, html = text_in(decompressed(data, self._limits.characters))
        return ("", text) if html else (text, "")

    def _attach(self, mail: Mail, own: Properties) -> None:
        for number, place in enumerate(self._store.storages(own.place, "__attach_version1.0_"), start=1):
            each = Properties(self._store, place, "other", own.charset)
            name = part(each.text(_LONG_NAME) or each.text(_SHORT_NAME) or each.text(_NAME))
            mime = each.text(_MIME).lower()
            if _is_shown_picture(each, name, mime, mail.html):
                mail.not_read["pictures"] += 1
            else:
                mail.attachments.append(self._attachment(each, name, mime, number))

    def _attachment(self, each: Properties, name: str, mime: str, number: int) -> Attachment:
        inner = each.inner(_DATA)
        if inner is not None:
            subject = part(Properties(self._store, inner, "inner").text(_SUBJECT)) or name or f"attachment {number}"
            return Attachment(f"{subject}.eml", partial(self._inner, inner))
        if mime == "multipart/signed":  # the whole of a signed mail
            return Attachment(f"{name.rpartition('.')[0] or 'signed message'}.eml", partial(_bytes, each))
        name = name or f"attachment {number}"
        return Attachment(name, partial(_bytes, each), "" if each.data(_DATA) is not None else "not in the mail itself")

    def _inner(self, place: str) -> bytes:
        if place.count("/") > 2 * _DEEPEST:
            raise RejectedError(f"more than {_DEEPEST} mails inside one another")
        return composed(self.mail(place, "inner"))


def _bytes(attachment: Properties) -> bytes:
    return attachment.data(_DATA) or b""


def _head(own: Properties) -> Mail:
    """Return a mail with the fields of its header: from its properties, and where these lack one, from its header."""
    sent = Parser(policy=compat32).parsestr(own.text(_HEADERS), headersonly=True)
    senders = (_address(*(own.text(tag) for tag in tags)) for tags in _SENDERS)
    time = own.time(_SUBMITTED) or own.time(_DELIVERED)
    date = decoded(sent.get("date") or "") or (_shown(time) if time else "")
    return Mail(
        sender=next(filter(None, senders), "") or ", ".join(addresses(sent.get("from") or "")),
        to=addresses(sent.get("to") or own.text(_TO)),
        cc=addresses(sent.get("cc") or own.text(_CC)),
        date=date,
        sent=iso(date) or (time.replace(microsecond=0).isoformat() if time else ""),
        subject=" ".join(own.text(_SUBJECT).split()) or decoded(sent.get("subject") or ""),
        message_id=(own.text(_MESSAGE_ID) or decoded(sent.get("message-id") or "")).strip("<> "),
        refers=bool(own.text(_IN_REPLY_TO) or own.text(_REFERENCES) or sent.get("in-reply-to")),
        not_read=Counter(),
    )


def _shown(time: datetime.datetime) -> str:
    return format_datetime(time.replace(microsecond=0))


def _address(name: str, smtp: str, other: str) -> str:
    """Return `Name <address>`. The internal address of a server, which is no mail address, is left out."""
    name = " ".join(name.split()).strip("'\"")
    address = (smtp or (other if "@" in other else "")).strip("<> ")
    if not address or name.casefold() == address.casefold() or f"<{address}>" in name:
        return name or address
    return f"{name} <{address}>" if name else address


def _is_shown_picture(each: Properties, name: str, mime: str, html: str) -> bool:
    """Tell whether an attachment is a picture that is shown in the text, as the logo of a signature is."""
    if not (mime.startswith("image/") or _IMAGE.search(name)):
        return False
    own = each.text(_CONTENT_ID).strip("<> ")
    in_text = bool(each.number(_HIDDEN)) or bool((each.number(_FLAGS) or 0) & _SHOWN_IN_TEXT)
    return in_text or bool(own and f"cid:{own}" in html)
