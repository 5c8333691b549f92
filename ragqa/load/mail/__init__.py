"""Mails -> text, and the files that are attached to them. It runs in the sandbox.

eml       a mail in the form in which it is sent (RFC 5322, MIME) -> `Mail`
headers   the names, addresses and dates in its header
charset   bytes of a text -> text
msg       a mail as Outlook saves it -> `Mail`; mapi reads its properties, rtf its compressed text, compose writes a
          mail that is attached to it in the form of `eml`
body      the text of an HTML body, with `>` before quoted lines
quoted    finds the message that a reply quotes
document  `Mail` -> the text, the fields and the attached files
mbox      a mailbox -> its mails
"""

from __future__ import annotations

from ragqa.load.bounds import Limits
from ragqa.load.mail.document import attached, extracted
from ragqa.load.mail.mbox import members as mbox_members
from ragqa.load.member import Member
from ragqa.records import Extracted

__all__ = ["eml_members", "eml_text", "mbox_members", "msg_members", "msg_text"]


def eml_text(data: bytes, limits: Limits) -> Extracted:
    """Return the text of a mail in the form in which it is sent; see `document.extracted`.

    :raises RejectedError: the file is no mail, or is encrypted.
    """
    from ragqa.load.mail.eml import parsed

    return extracted(parsed(data), limits)


def eml_members(data: bytes, limits: Limits) -> list[Member]:
    """Return the files that are attached to such a mail.

    :raises RejectedError: the file is no mail.
    """
    from ragqa.load.mail.eml import is_text_alone, parsed

    return [] if is_text_alone(data) else attached(parsed(data))


def msg_text(data: bytes, limits: Limits) -> Extracted:
    """Return the text of a mail as Outlook saves it; see `document.extracted`.

    :raises RejectedError: the file is no mail, or is encrypted.
    """
    from ragqa.load.mail.msg import parsed

    return extracted(parsed(data, limits), limits)


def msg_members(data: bytes, limits: Limits) -> list[Member]:
    """Return the files that are attached to such a mail.

    :raises RejectedError: the file is no mail.
    """
    from ragqa.load.mail.msg import parsed

    return attached(parsed(data, limits))
