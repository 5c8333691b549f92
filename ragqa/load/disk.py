"""The bytes of a file on disk, which is a regular file of a bounded size."""

from __future__ import annotations

import io
import os
import stat

from ragqa.errors import RejectedError
from ragqa.files import open_regular
from ragqa.limits import met
from ragqa.load.bounds import Limits


def opened(path: str) -> io.BufferedReader:
    """Open a regular file. A link is not followed, and a pipe that has replaced the file does not block.

    :raises RejectedError: it is not a regular file.
    :raises OSError: it cannot be opened.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise RejectedError("not a regular file")
    return open_regular(path, follow=False)


def usable_size(stream: io.BufferedReader, limits: Limits) -> int:
    """Return the size of an open file in bytes.

    :raises RejectedError: it is empty or too large.
    """
    size = os.fstat(stream.fileno()).st_size
    refuse_size(size, limits)
    return size


def refuse_size(size: int, limits: Limits) -> None:
    """Refuse a file that is empty or too large.

    :raises RejectedError: it is; the message gives the reason.
    """
    if size == 0:
        raise RejectedError("empty file")
    if size > limits.file_bytes:
        raise RejectedError(f"too large: {size:,} bytes; at most {limits.file_bytes:,}")


def content(path: str, limits: Limits) -> bytes:
    """Return the bytes of a file. If it changes while it is read, it is read once more.

    :raises RejectedError: it changed again, is empty or too large, or cannot be read.
    """
    try:
        for _ in range(2):
            with opened(path) as stream:
                size, before = usable_size(stream, limits), os.fstat(stream.fileno())
                data, after = stream.read(size + 1), os.fstat(stream.fileno())
            if len(data) == size and before.st_mtime_ns == after.st_mtime_ns:
                return data
    except OSError as error:
        raise RejectedError(unreadable(error)) from error
    raise RejectedError("changed while it was being read: run again")


def stamp(path: str) -> str:
    """Return a text that changes with the content of a file: its device, inode, size and times.

    :raises RejectedError: there is no file, or it cannot be examined.
    """
    try:
        found = os.lstat(path)
    except OSError as error:
        raise RejectedError(unreadable(error)) from error
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def unreadable(error: OSError) -> str:
    """Return the reason why a file or folder cannot be read.

    :raises ResourceError: the cause is a limit of this process, such as the number of open files.
    """
    if limit := met(error):
        raise limit from error
    return f"cannot be read: {error.strerror}"


def printable(path: str) -> str:
    """Return a path with the bytes that are not UTF-8 written as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
