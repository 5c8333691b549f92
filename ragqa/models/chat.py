"""A model's chat template -> the fixed text around a system and a user turn.

A template is a program that comes with the model. It is run in the sandbox a few times, with marks in place of the
turns. Later only the text around the marks is needed, and this text is kept in the cache.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version

from ragqa.errors import RefusedError, RejectedError, TooSlowError
from ragqa.models import memo
from ragqa.models.trial import sandbox

_SYSTEM, _USER = "\ue001\ue002", "\ue001\ue003"
_AROUND = " \n"
"""White space around a mark. It is missing from the result if the template strips the turn."""
_SAMPLE = ("  Answer from the passages.\n", '\n<passage 1 source="a.md">\n# A "heading" & {{ x }}\n</passage>\nWhy?\n ')

Piece = tuple[str, str]
"""Either `text` and the text itself; or `system` or `user`, and `strip` or `keep` for the white space around the
turn."""


class ChatTemplate:
    """A chat template, ready to be filled.

    :param source: the template, in Jinja.
    :param special: the special tokens that it may use, by name.
    :param name: the model's name, for errors.
    """

    def __init__(self, source: str, special: Mapping[str, str], name: str) -> None:
        self._source, self._special, self._name = source, dict(special), name

    def fill(self, system: str, user: str) -> str:
        """Return the prompt of one turn. If the template has no system turn, the system's text comes before the user's.

        :raises RefusedError: the template takes too long, raises an error, or changes the text of the turns.
        """
        plain, whole = self._frames
        if system and whole is None:
            system, user = "", f"{system}\n\n{user}"
        return _filled(whole if system and whole else plain, system, user)

    @cached_property
    def _frames(self) -> tuple[list[Piece], list[Piece] | None]:
        """Return the pieces around a user turn, and around a system and a user turn (None without a system turn)."""
        day = time.strftime("%Y-%m-%d") if "strftime" in self._source else ""
        key = json.dumps([self._source, self._special, version("transformers"), day])
        kept = memo.recall("chats", key)
        frames = self._cut() if kept is None else (kept[0], kept[1])
        if kept is None:
            memo.keep("chats", key, frames)
        return frames

    def render(self) -> list[str | None]:
        """Return the rendered texts of a user turn, and of a system and a user turn: with marks, and with a sample
        text.

        A text is None if the template refuses the turns.

        :raises RefusedError: the template takes too long, or raises an error.
        """
        marked = (_AROUND + _SYSTEM + _AROUND, _AROUND + _USER + _AROUND)
        chats = [_chat("", marked[1]), _chat(*marked), _chat("", _SAMPLE[1]), _chat(*_SAMPLE)]
        try:
            texts: list[str | None] = sandbox().call(
                "ragqa.models.untrusted:render_chats", self._source.encode(), special=self._special, chats=chats
            )
        except RejectedError as error:
            what = "takes too long" if isinstance(error, TooSlowError) else f"cannot be used ({error})"
            raise self._refusal(what) from error
        return texts

    def _cut(self) -> tuple[list[Piece], list[Piece] | None]:
        """Return the pieces of both renderings, after a check that filling them gives the template's own result."""
        texts = self.render()
        plain, whole = (_pieces(text or "") for text in texts[:2])
        if _slots(plain) != ["user"]:
            raise self._refusal("does not show what the user says, once")
        both = whole if sorted(_slots(whole)) == ["system", "user"] else None
        if _filled(plain, "", _SAMPLE[1]) != texts[2] or (both and _filled(both, *_SAMPLE) != texts[3]):
            raise self._refusal("changes the text of a turn")
        return plain, both

    def _refusal(self, what: str) -> RefusedError:
        return RefusedError(
            f"the chat template of {self._name} {what}: refused; use another model, or a plain prompt.template"
        )


def _chat(system: str, user: str) -> list[dict[str, str]]:
    turns = [{"role": "system", "content": system}] if system else []
    return [*turns, {"role": "user", "content": user}]


def _pieces(text: str) -> list[Piece]:
    """Cut a rendered text at the marks, and record for each whether the white space around it was kept."""
    pieces: list[Piece] = []
    for part in re.split(f"((?:{_AROUND})?(?:{_SYSTEM}|{_USER})(?:{_AROUND})?)", text):
        slot = next((name for name, mark in (("system", _SYSTEM), ("user", _USER)) if mark in part), "text")
        whole = part.startswith(_AROUND) and part.endswith(_AROUND)
        pieces.append((slot, part if slot == "text" else "keep" if whole else "strip"))
    return pieces


def _slots(pieces: Sequence[Piece]) -> list[str]:
    return [kind for kind, _ in pieces if kind != "text"]


def _filled(pieces: Sequence[Piece], system: str, user: str) -> str:
    turns = {"system": system, "user": user}
    texts = (
        what if kind == "text" else turns[kind].strip() if what == "strip" else turns[kind] for kind, what in pieces
    )
    return "".join(texts)
