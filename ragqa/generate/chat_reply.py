"""A streamed reply in OpenAI's protocol: the checked types of its chunks, and the answer that is built from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ragqa.generate.detokenizer import unsettled
from ragqa.records import Generation

_FINISHES = {"length": "length", "deadline": "deadline"}
"""The standard reasons for the end of an answer. Endpoints use other words too, which mean that the model stopped."""


class _Part(BaseModel):
    """A part of a reply; unknown keys are ignored. The title stands in the message about a reply of another shape."""

    model_config = ConfigDict(title="an event", strict=True, frozen=True, allow_inf_nan=False)


class _Delta(_Part):
    content: str | None = None


class _Token(_Part):
    logprob: float


class _Logprobs(_Part):
    content: list[_Token] | None = None


class _Choice(_Part):
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: Any = None


class _ScoredChoice(_Choice):
    logprobs: _Logprobs | None = None


class _Usage(_Part):
    completion_tokens: int | None = Field(None, ge=0)


class Event(_Part):
    """One event of a reply."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None


class ScoredEvent(Event):
    """One event of a reply whose request asked for log-probabilities."""

    choices: list[_ScoredChoice] | None = None  # type: ignore[assignment]


class StreamedReply:
    """An answer that is still being received.

    :param room: the most UTF-8 bytes of the answer. :param stops: the strings at which it ends.
    :param dropped: a character that is left out of it; empty for none.
    """

    def __init__(self, room: int, stops: Sequence[str] = (), dropped: str = "") -> None:
        self.finish = ""
        self.is_ended = False
        """Whether text was cut off, or a stop string came, so that nothing more is wanted."""
        self._room, self._stops, self._dropped = room, stops, dropped
        self._text, self._n_sent, self._n_pieces = "", 0, 0
        self._logprobs: list[float] = []
        self._n_tokens: int | None = None

    def add(self, chunk: Event) -> str:
        """Add the content of a chunk; return the new text that will not change any more."""
        text = ""
        for choice in chunk.choices or ():
            self.finish = choice.finish_reason or self.finish
            text += (choice.delta and choice.delta.content) or ""
            if isinstance(choice.logprobs, _Logprobs):
                self._logprobs += [token.logprob for token in choice.logprobs.content or ()]
        if chunk.usage and chunk.usage.completion_tokens is not None:
            self._n_tokens = chunk.usage.completion_tokens
        self._append(_encodable(text).replace(self._dropped, "") if self._dropped else _encodable(text))
        return self.piece()

    def _append(self, text: str) -> None:
        """Add a text, cut at a stop string, and after a whole character if it exceeds the room."""
        raw = text.encode()
        if len(raw) > self._room:
            text, self.finish, self.is_ended = raw[: self._room].decode(errors="ignore"), "length", True
        self._room -= len(raw)
        self._n_pieces += bool(text)
        self._text += text
        cut = min((self._text.find(stop) for stop in self._stops if stop in self._text), default=-1)
        if cut >= 0:
            self._text, self.finish, self.is_ended = self._text[:cut], "stop", True

    def piece(self) -> str:
        """Return the new text that will not change any more: not the beginning of what may be a stop string."""
        ready = len(self._text) - (0 if self.finish else unsettled(self._text, self._stops))
        piece = self._text[self._n_sent : ready]
        self._n_sent = max(self._n_sent, ready)
        return piece

    @property
    def length(self) -> int:
        """Return the number of characters."""
        return len(self._text)

    def generation(self, log_probabilities: bool) -> Generation:
        """Return the answer. Its number of tokens is the one that the endpoint reports, else the number of pieces."""
        n_tokens = self._n_pieces if self._n_tokens is None else self._n_tokens
        logprobs = tuple(self._logprobs) if log_probabilities else None
        return Generation(self._text, n_tokens, _FINISHES.get(self.finish, "stop"), logprobs)


def _encodable(text: str) -> str:
    """Return a text with U+FFFD in place of half a surrogate pair, which UTF-8 cannot hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
