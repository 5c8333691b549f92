"""Tokens: who may ask. A file has their SHA-256 alone, and they are compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ragqa.errors import UsageError
from ragqa.files import read_text

Scope = Literal["read", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "admin")
"""`read` asks, searches and reads; `admin` sees the state of the index too."""
MAX_BYTES = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its SHA-256; its name is shown in logs."""

    name: str
    scope: Scope
    sha256: str

    def line(self) -> str:
        """Return the line of a file of tokens."""
        return f"{self.name} {self.scope} {self.sha256}"

    def may(self, scope: Scope) -> bool:
        """Tell whether this token is enough for what needs a scope."""
        return self.scope == "admin" or scope == "read"


def new(name: str, scope: Scope) -> tuple[str, Token]:
    """Return a random secret, and the token that is kept in its place.

    :raises UsageError: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"NAME: got {name!r}; pass up to 64 letters, digits, `.`, `_` and `-`")
    secret = f"ragqa-{secrets.token_urlsafe(32)}"
    return secret, Token(name, scope, _sha256(secret))


def read(path: Path) -> tuple[Token, ...]:
    """Return the tokens of a file: lines `NAME SCOPE SHA256`, empty lines, and comments after `#`.

    :raises UsageError: it cannot be read, has no token, or a line is wrong; the message does not repeat the line.
    """
    try:
        lines = read_text(path, MAX_BYTES).splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    found = [_parsed(f"{path}:{number}", line.split("#")[0].split()) for number, line in enumerate(lines, 1)]
    tokens = tuple(token for token in found if token)
    if not tokens:
        raise UsageError(f"{path}: has no token; `ragqa serve token NAME` makes a line")
    names = [token.name for token in tokens]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{path}: two tokens have the name {double}; give each a name of its own")
    return tokens


def find(tokens: Sequence[Token], secret: str) -> Token | None:
    """Return the token of a secret; None for none. All tokens are compared, each in constant time."""
    digest = _sha256(secret)
    found = [token for token in tokens if hmac.compare_digest(token.sha256, digest)]
    return found[0] if found else None


def _parsed(where: str, parts: list[str]) -> Token | None:
    if not parts:
        return None
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]) or not _DIGEST.fullmatch(parts[2]):
        raise UsageError(f"{where}: must be NAME SCOPE SHA256, as `ragqa serve token NAME` prints it")
    for scope in SCOPES:
        if parts[1] == scope:
            return Token(parts[0], scope, parts[2])
    raise UsageError(f"{where}: the scope must be one of {', '.join(SCOPES)}")


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
