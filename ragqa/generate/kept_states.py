"""What a model computed of the fixed part of a prompt, kept in the cache as files that any process can read."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ragqa import models

MOST_BYTES = 1 << 30
"""The most bytes of all states together. The states that were not used for the longest time are removed."""
_ABANDONED_SECONDS = 3600.0
"""The age at which an unfinished file belongs to a process that was killed."""
_UNFINISHED = ".part"


class KeptStates:
    """The files with the states, in one folder that only the user can read.

    The name of a file is the key of the state, and the SHA-256 of its bytes. So a state is complete as soon as its file
    has its name, and a damaged file is noticed before it is used. A state that cannot be kept raises no error.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or models.cache_dir() / "prefixes"

    def prepare(self) -> bool:
        """Make the folder; tell whether states can be kept in it."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        return os.access(self.folder, os.W_OK | os.X_OK)

    def find(self, key: str) -> Path | None:
        """Return the file of a state; None where there is none. A damaged file is removed."""
        for path in sorted(self.folder.glob(f"{key}.*")):
            if path.suffix == _UNFINISHED:
                continue
            with suppress(OSError):
                if models.file_sha256(path) == path.suffix[1:]:
                    os.utime(path)
                    return path
                path.unlink()
        return None

    def keep(self, key: str, write: Callable[[Path], bool]) -> None:
        """Keep a state, if the disk has room for it.

        :param write: it writes the state to a file, and returns whether the state is the right one.
        """
        unfinished = self.folder / f"{key}.{secrets.token_hex(8)}{_UNFINISHED}"
        try:
            if not write(unfinished):
                return
            unfinished.chmod(0o600)
            unfinished.replace(self.folder / f"{key}.{models.file_sha256(unfinished)}")
            self._make_room()
        except OSError:
            return
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Remove the states that were not used for the longest time, and what killed processes left behind."""
        found = []
        for path in self.folder.iterdir():
            with suppress(OSError):  # another process may have removed it
                status = path.stat()
                if path.suffix == _UNFINISHED:
                    if time.time() - status.st_mtime > _ABANDONED_SECONDS:
                        path.unlink()
                else:
                    found.append((status.st_mtime, status.st_size, path))
        total = 0
        for _, size, path in sorted(found, reverse=True):
            total += size
            if total > MOST_BYTES:
                with suppress(OSError):
                    path.unlink()


def state_key(*facts: str) -> str:
    """Return the key of a state: a hash of all that it depends on."""
    digest = hashlib.sha256()
    for fact in facts:
        data = fact.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()
