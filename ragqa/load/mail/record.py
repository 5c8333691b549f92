"""A mail that was read, whatever the form of its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is attached to a mail.

    :param read: returns its bytes.
    :param reason: why it cannot be read, for one that is only a reference.
    """

    name: str
    read: Callable[[], bytes]
    reason: str = ""


@dataclass(slots=True)
class Mail:
    """A mail. Addresses are as a reader sees them: `Name <address>`.

    :param date: as its header has it.
    :param sent: the same in the form of ISO 8601; empty where it cannot be understood.
    :param refers: it says that it answers another mail.
    :param encrypted: why its body cannot be read; empty where it can.
    :param not_read: what of it is not in the text, and how often.
    """

    sender: str = ""
    to: list[str] = field(default_factory=list)
    cc: list[str] = field(default_factory=list)
    date: str = ""
    sent: str = ""
    subject: str = ""
    message_id: str = ""
    refers: bool = False
    plain: str = ""
    html: str = ""
    encrypted: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    not_read: Counter[str] = field(default_factory=Counter)
