"""Files that a person, a pipeline file or a model's folder names: read only where they are regular, and of bounded size."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path


def open_regular(path: str | Path, *, follow: bool = True) -> io.BufferedReader:
    """Open a regular file for reading. A pipe or a device is never waited for.

    :param follow: a symbolic link may stand for the file.
    :raises OSError: it cannot be opened, or is not a regular file; `strerror` says which.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the bytes of a regular file.

    :param most: how many bytes it may have.
    :raises OSError: it cannot be opened, is not a regular file, or is larger; `strerror` says which.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        data = stream.read(most + 1) if size <= most else b""
    if max(size, len(data)) > most:
        raise OSError(errno.EFBIG, f"{max(size, len(data)):,} bytes; at most {most:,} are read", str(path))
    return data
