"""Writes small mails: in the form in which they are sent, and as Outlook saves them in an OLE file."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from email.message import EmailMessage
from itertools import pairwise

_SECTOR, _SMALL = 512, 64
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD

Tree = Mapping[str, "bytes | Tree"]


def eml(subject: str = "Ferry times", body: str = "The ferry sails at noon.\n", **header: str) -> bytes:
    """Return a mail of plain text. Underscores in the names of header fields stand for hyphens."""
    message = EmailMessage()
    fields = {"From": "Mara Lind <mara@tarnwick.org>", "To": "crew@tarnwick.org", "Subject": subject}
    fields |= {name.replace("_", "-"): value for name, value in header.items()}
    for name, value in fields.items():
        message[name] = value
    message.set_content(body)
    return message.as_bytes()


def with_files(files: Mapping[str, bytes], subject: str = "Ferry times", body: str = "See the files.\n") -> bytes:
    """Return a mail with attached files."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "mara@tarnwick.org", "crew@tarnwick.org", subject
    message.set_content(body)
    for name, data in files.items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def mbox(*mails: bytes) -> bytes:
    """Return a mailbox."""
    line = b"From mara@tarnwick.org Fri Mar  1 12:00:00 2024\n"
    return b"".join(line + mail.replace(b"\nFrom ", b"\n>From ") + b"\n" for mail in mails)


def properties(
    texts: Mapping[int, str | bytes], numbers: Mapping[int, int] | None = None, header: int = 8
) -> dict[str, bytes]:
    """Return the streams of properties: texts as Unicode, bytes as binary; `numbers` as longs, and times from 1 << 40."""
    fixed = b"\0" * header
    streams = {}
    for tag, value in texts.items():
        kind, data = (0x001F, value.encode("utf-16-le")) if isinstance(value, str) else (0x0102, value)
        streams[f"__substg1.0_{tag:04X}{kind:04X}"] = data
        fixed += struct.pack("<IIQ", tag << 16 | kind, 6, len(data))
    for tag, number in (numbers or {}).items():
        fixed += struct.pack("<IIQ", tag << 16 | (0x0040 if number >= 1 << 40 else 0x0003), 6, number)
    return {**streams, "__properties_version1.0": fixed}


def msg(texts: Mapping[int, str | bytes], numbers: Mapping[int, int] | None = None, **inside: Tree) -> bytes:
    """Return a mail as Outlook saves it. `inside` has storages: `to0` of recipients, `file0` of attachments."""
    return ole(message(texts, numbers, 32, **inside))


def message(
    texts: Mapping[int, str | bytes], numbers: Mapping[int, int] | None = None, header: int = 24, **inside: Tree
) -> Tree:
    """Return the storage of a message; one inside another has a shorter header."""
    kinds = {"to": "__recip_version1.0_#", "file": "__attach_version1.0_#"}
    named = {
        f"{kinds[name.rstrip('0123456789')]}{int(name.lstrip('tofile')):08X}": tree for name, tree in inside.items()
    }
    return {**properties(texts, numbers, header), **named}


def ole(tree: Tree) -> bytes:
    """Return an OLE file (version 3) with streams and storages. Streams below 4,096 bytes are in the small stream."""
    entries: list[list[int | str | bytes]] = []  # name, kind, left, right, child, content

    def add(name: str, value: bytes | Tree) -> int:
        own = len(entries)
        entries.append([name, 2 if isinstance(value, bytes) else 1, _FREE, _FREE, _FREE, b""])
        if isinstance(value, bytes):
            entries[own][5] = value
        else:
            children = [
                add(each, inner) for each, inner in sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0]))
            ]
            for first, second in pairwise(children):
                entries[first][3] = second  # a list instead of a balanced tree
            entries[own][4] = children[0] if children else _FREE
        return own

    add("Root Entry", tree)
    entries[0][1] = 5
    sectors: list[bytes] = []
    table: list[int] = []

    def store(data: bytes) -> int:
        if not data:
            return _END
        first = len(sectors)
        for at in range(0, len(data), _SECTOR):
            sectors.append(data[at : at + _SECTOR].ljust(_SECTOR, b"\0"))
            table.append(len(sectors))
        table[-1] = _END
        return first

    small, small_table = b"", []
    starts = []
    for entry in entries:
        data = entry[5]
        assert isinstance(data, bytes)
        if entry[1] == 2 and 0 < len(data) < 4096:
            starts.append(len(small) // _SMALL)
            small += data + b"\0" * (-len(data) % _SMALL)
            small_table += [*range(starts[-1] + 1, len(small) // _SMALL), _END]
        else:
            starts.append(store(data) if entry[1] == 2 else _END)
    starts[0] = store(small)
    small_start = store(struct.pack(f"<{len(small_table)}I", *small_table))
    directory = b""
    for number, (name, kind, left, right, child, data) in enumerate(entries):
        assert isinstance(name, str) and isinstance(data, bytes)
        encoded = (name + "\0").encode("utf-16-le")
        size = len(small) if number == 0 else len(data)
        directory += encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded), kind, 1, left, right, child)
        directory += b"\0" * 36 + struct.pack("<IQ", starts[number], size)
    directory_start = store(directory + b"\0" * (-len(directory) % _SECTOR))
    table_sectors = (len(table) * 4 // (_SECTOR - 4)) + 1
    table_start = len(sectors)
    table += [_FAT] * table_sectors
    packed = struct.pack(f"<{len(table)}I", *table)
    sectors += [packed[at : at + _SECTOR].ljust(_SECTOR, b"\xff") for at in range(0, len(packed), _SECTOR)]
    head = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    small_sectors = -(-len(small_table) * 4 // _SECTOR)
    head += struct.pack("<IIIII", 0, len(sectors) - table_start, directory_start, 0, 4096)
    head += struct.pack("<IIII", small_start, small_sectors, _END, 0)
    numbers = [*range(table_start, len(sectors))]
    head += struct.pack("<109I", *numbers, *[_FREE] * (109 - len(numbers)))
    return head + b"".join(sectors)
