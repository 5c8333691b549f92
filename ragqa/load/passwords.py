"""The passwords of encrypted files: from an environment variable, or from a file with one on each line.

They are handed to the parser and stored nowhere. No message quotes one; messages name only the place.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ragqa.errors import UsageError
from ragqa.files import names_variable, read_text

MOST = 100
"""The most passwords. Each is tried on each encrypted file, and a trial takes up to 0.1 s."""
_MOST_BYTES = 100_000


@dataclass
class Passwords:
    """The passwords at a place, which are read when a file may first need one.

    :param place: the name of an environment variable, or the path of a file; empty for no passwords.
    """

    place: str = ""
    _values: list[str] | None = field(default=None, init=False, repr=False)

    def values(self) -> list[str]:
        """Return the passwords, those of the file as they are now where they were not read before.

        :raises UsageError: the variable is not set, the file cannot be read, or there are none or too many.
        """
        if self._values is None:
            self._values = self._read() if self.place else []
        return self._values

    def are_in(self, path: str) -> bool:
        """Tell whether the file at a path is the one with the passwords, which must not be read as a document."""
        if not self.place or names_variable(self.place):
            return False
        try:
            return os.path.samefile(path, self.place)
        except (OSError, ValueError):
            return False

    def _read(self) -> list[str]:
        lines = [line.removesuffix("\r") for line in self._text().split("\n")]
        passwords = list(dict.fromkeys(line for line in lines if line.strip()))
        if not passwords or len(passwords) > MOST:
            raise UsageError(f"load.passwords: {self.place} has {len(passwords):,} passwords; must have 1 to {MOST}")
        return passwords

    def _text(self) -> str:
        if names_variable(self.place):
            if (value := os.environ.get(self.place)) is None:
                raise UsageError(f"load.passwords: the environment variable {self.place} is not set")
            return value
        try:
            return read_text(self.place, _MOST_BYTES)
        except OSError as error:
            raise UsageError(f"load.passwords: {self.place}: {error.strerror}") from error
