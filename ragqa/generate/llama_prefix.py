"""The text that all prompts begin with is read by llama.cpp once; later processes go on from its state on disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ragqa.deadline import Deadline
from ragqa.errors import RagqaError
from ragqa.generate.kept_states import KeptStates, state_key
from ragqa.generate.llama_server import LlamaServer

_LEAST_TOKENS = 64
"""The length from which a prefix is kept: a shorter one is read in about a second."""


class LlamaPrefix:
    """Has llama.cpp begin a prompt with the state of its prefix.

    llama.cpp compares the tokens of a state with those of a prompt, and goes on where they differ. So a state that does
    not fit costs time, and changes no answer.

    :param states: where states are kept; None where they cannot be.
    :param facts: what a state depends on besides its text.
    """

    def __init__(self, server: LlamaServer, states: KeptStates | None, facts: Sequence[str]) -> None:
        self._server, self._states, self._facts = server, states, facts
        self._begun: str | None = None

    def begin(self, text: str, deadline: Deadline) -> None:
        """Read a prefix, from disk if it is there. A prefix that was begun last is still in memory.

        :raises DeadlinePassed: it is not read by the deadline.
        """
        if self._states is None or text == self._begun:
            return
        if len(self._server.tokenize(text)) >= _LEAST_TOKENS:
            key = state_key(*self._facts, text)
            if not self._restored(self._states, key):
                self._read(self._states, key, text, deadline)
        self._begun = text

    def _restored(self, states: KeptStates, key: str) -> bool:
        """Restore a state from disk; return False if there is none that llama.cpp accepts."""
        path = states.find(key)
        if path:
            with suppress(RagqaError):
                return self._server.restore_state(path.name) > 0
        return False

    def _read(self, states: KeptStates, key: str, text: str, deadline: Deadline) -> None:
        """Read a prefix, and keep its state."""
        request = {"prompt": text, "max_tokens": 1, "stream": True, "stream_options": {"include_usage": True}}
        read = 0
        for reply in self._server.complete(request, deadline):
            if reply.usage:
                read = reply.usage.prompt_tokens or 0

        def write(path: Path) -> bool:
            with suppress(RagqaError):
                return self._server.save_state(path.name) == read  # else another prompt was read since
            return False

        states.keep(key, write)
