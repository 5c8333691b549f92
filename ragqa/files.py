"""Reads files that a person, a pipeline file or a model's folder names: regular files only, of bounded size."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from pathlib import Path

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def names_variable(place: str) -> bool:
    """Tell whether the place of a secret is an environment variable: a name in capitals. Else it is a file."""
    return _VARIABLE.fullmatch(place) is not None


def open_regular(path: str | Path, *, follow: bool = True) -> io.BufferedReader:
    """Open a regular file for reading, without waiting for a pipe or a device.

    :param follow: whether a symbolic link is followed.
    :raises OSError: it cannot be opened, or is not a regular file; `strerror` gives the reason.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
    except ValueError:  # a NUL, or half a surrogate pair
        raise OSError(errno.EINVAL, "not the name of a file", str(path)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the bytes of a regular file.

    :param most: the most bytes that are allowed.
    :raises OSError: it cannot be opened, is not a regular file, or is larger; `strerror` gives the reason.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        data = stream.read(size + 1) if size <= most else b""  # a read allocates all its memory at once
        while size < len(data) <= most and (more := stream.read(min(1 << 20, most + 1 - len(data)))):
            data += more  # files of /proc have a size of 0 bytes, and any file may grow
    if max(size, len(data)) > most:
        raise OSError(errno.EFBIG, f"{max(size, len(data)):,} bytes; at most {most:,} are read", str(path))
    return data


def read_text(path: str | Path, most: int) -> str:
    """Return the text of a regular file in UTF-8, without its byte-order mark.

    :param most: the most bytes that are allowed.
    :raises OSError: it cannot be opened, is not a regular file, is larger, or is not UTF-8; `strerror` gives the
        reason, and does not quote the file.
    """
    try:
        return read_regular(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"not UTF-8 at byte {error.start}", str(path)) from None
