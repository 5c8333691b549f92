"""A GGUF model as a `Generator`, run by llama.cpp in this process (`xllamacpp`, an extra)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from importlib.metadata import version
from threading import Lock, Thread
from typing import Any

from ragqa import models, settings, threads
from ragqa.config.generators import LlamaCppGenerate
from ragqa.deadline import Deadline, DeadlinePassed
from ragqa.errors import RagqaError, UsageError
from ragqa.generate.kept_states import KeptStates
from ragqa.generate.literal import Span, cut, special_pattern
from ragqa.generate.llama_prefix import LlamaPrefix
from ragqa.generate.llama_server import LlamaServer
from ragqa.models.gguf_header import special_tokens
from ragqa.records import LETTERS, Generation, Prompt

_ALTERNATIVES = 40
"""The number of the most likely tokens in which "yes" and "no", or the letters of the passages, are looked for."""
_SLOWEST_READING = 0.1
"""The seconds that may pass for each token of a prompt before the first token of the answer."""

_END = re.compile(r"end|eo[mst]|/s", re.IGNORECASE)


class LlamaCpp:
    """A `Generator` with the GGUF file that a `generate` section names. The weights are loaded when first needed.

    llama.cpp itself counts tokens and formats turns.

    :raises ModelError: the model is missing.
    :raises UsageError: `window` exceeds the length for which the model was trained.
    """

    def __init__(self, spec: LlamaCppGenerate) -> None:
        self.spec = spec
        self.window = spec.window
        self._path = models.gguf_path(spec.model)
        self._loading = Lock()
        self._load_before = threads.Load.now()
        trained = models.card(spec.model).window
        if trained and spec.window > trained:
            raise UsageError(f"generate.window: {spec.window:,} tokens; {spec.model} was trained for {trained:,}")

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return the facts that an answer depends on besides the prompt and the settings."""
        return {"weights": models.remembered_sha256(self._path), "engine": f"xllamacpp {version('xllamacpp')}"}

    def load(self) -> None:
        """Map the weights into memory now, if that is not done yet. They are read from disk with the first prompt."""
        self._server  # noqa: B018  # a cached property: reading it loads

    def load_ahead(self) -> None:
        """Begin to load the weights in another thread. Whoever needs them before that is done waits for it."""
        if "_server" in vars(self) or self._loading.locked():
            return

        def load() -> None:
            with suppress(RagqaError, MemoryError):  # raised again where the weights are needed
                self.load()

        Thread(target=load, name="ragqa-load").start()

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        if not text:
            return 0
        return len(self._server.tokenize(text))

    def count_literal(self, text: str, literal: Sequence[Span]) -> int:
        """Return the number of tokens of a prompt's text, with the spans in which special tokens are text."""
        tokens = self._cut_tokens(text, literal)
        return self.count(text) if tokens is None else len(tokens)

    def special_texts(self, text: str) -> frozenset[str]:
        """Return the texts of the model's special tokens that stand in a text."""
        return frozenset(self._special.findall(text) if self._holds_special(text) and self._special else ())

    def chat(self, system: str, user: str) -> str:
        """Return one turn in the chat template of the GGUF file."""
        turns = [{"role": "system", "content": system}] if system else []
        turns.append({"role": "user", "content": user})
        return self._server.apply_template(turns)

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of text as they are generated and, last, the `Generation`.

        :raises UsageError: prompt and answer together exceed the window.
        """
        if prompt.n_tokens + self.spec.max_new_tokens > self.window:
            need = f"{prompt.n_tokens:,} prompt and {self.spec.max_new_tokens:,} answer tokens"
            raise UsageError(f"{need} exceed generate.window: {self.window:,}")
        # The weights are loaded first. Then the prompt is read: its time depends on its length. The deadline is that of
        # the answer, and begins with its first token.
        self.load()
        deadline = self._reading(prompt)
        text, finish, n_tokens = "", "length", 0
        logprobs: list[float] = []
        try:
            # 1. Go on from what all prompts begin with, which this process or an earlier one has read.
            self._prefix.begin(prompt.text[: prompt.shared], deadline)
            # 2. Write the answer.
            first = True
            request = self._request(prompt, prompt.text)
            for reply in self._server.complete({**request, "logprobs": 1}, deadline):
                if first:
                    deadline.restart(self.spec.deadline)
                    first = False
                for piece in reply.choices:
                    finish = piece.finish_reason or finish
                    logprobs += [token.logprob for token in piece.tokens]
                    if piece.text:
                        text += piece.text
                        n_tokens += 1
                        yield piece.text
                if reply.usage and reply.usage.completion_tokens is not None:
                    n_tokens = reply.usage.completion_tokens
        except DeadlinePassed:
            finish = "deadline"
        yield Generation(text, n_tokens, finish, tuple(logprobs))

    def verdict(self, prompt: Prompt) -> float | None:
        """Return the log-odds of "yes" against "no" in the slot of the prompt for the verdict; None if it has none.

        Each of the two probabilities is taken as at least 0.0001. A generation that follows does not read the prompt
        again. None too where the prompt is not read in time.
        """
        found = self._next(prompt, prompt.verdict)
        if found is None:
            return None
        words = [(token.strip().lower(), p) for token, p in found]
        yes, no = (1e-4 + sum(p for word, p in words if word == each) for each in ("yes", "no"))
        return math.log(yes / no)

    def choice(self, prompt: Prompt) -> list[float] | None:
        """Return the log-probability of each passage's letter in the slot of the prompt for it; None if it has none.

        Each probability is taken as at least 0.0001. None too where the prompt is not read in time.
        """
        found = self._next(prompt, prompt.letter)
        if found is None:
            return None
        letters = LETTERS[: len(prompt.passages)]
        return [math.log(max(1e-4, sum(p for token, p in found if token.strip() == each))) for each in letters]

    def _next(self, prompt: Prompt, slot: tuple[int, int] | None) -> list[tuple[str, float]] | None:
        """Return the most likely tokens in a slot of the prompt, with their probabilities; None without a slot."""
        if slot is None:
            return None
        self.load()
        deadline = self._reading(prompt)
        text = prompt.text[: slot[0]].rstrip()
        request = {**self._request(prompt, text), "max_tokens": 1, "logprobs": _ALTERNATIVES, "stop": []}
        try:
            self._prefix.begin(prompt.text[: prompt.shared], deadline)
            pieces = [piece for reply in self._server.complete(request, deadline) for piece in reply.choices]
        except DeadlinePassed:
            return None
        tokens = [other for piece in pieces for token in piece.tokens for other in token.top_logprobs]
        return [(other.token, math.exp(other.logprob)) for other in tokens]

    def _reading(self, prompt: Prompt) -> Deadline:
        """Return the deadline for the first token of the answer."""
        return Deadline(max(self.spec.deadline, _SLOWEST_READING * prompt.n_tokens))

    def _request(self, prompt: Prompt, text: str) -> dict[str, Any]:
        """Return the request for the text after the beginning of a prompt."""
        spec, tokens = self.spec, self._cut_tokens(text, prompt.literal)
        return {
            "prompt": text if tokens is None else tokens,
            "max_tokens": spec.max_new_tokens,
            "temperature": spec.temperature,
            "top_k": spec.top_k,
            "top_p": spec.top_p,
            "min_p": 0.0,
            "seed": spec.seed,
            "repeat_penalty": spec.repetition_penalty,
            "repeat_last_n": self.window,
            "stop": [*spec.stop, *prompt.stop],
            "preserved_tokens": [] if tokens is None else self._shown(prompt),
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _cut_tokens(self, text: str, literal: Sequence[Span]) -> list[Any] | None:
        """Return the tokens of a text in which a document has a special token as text; None if none has."""
        if not self._holds_special("\n".join(text[start:end] for start, end in literal)):
            return None
        parts = cut(text, literal, self._special)
        return parts and [
            token
            for part in parts
            for token in self._server.tokenize(part.text, special=part.special, begins=part.start == 0)
        ]

    def _shown(self, prompt: Prompt) -> list[str]:
        """Return the special tokens that stand as text in a prompt, but for those that end an answer by their names."""
        documents = "\n".join(prompt.text[start:end] for start, end in prompt.literal)
        return sorted(token for token in self.special_texts(documents) if not _END.search(token))

    def _holds_special(self, text: str) -> bool:
        """Tell whether llama.cpp would read a special token in a text. To ask is faster than to read the vocabulary."""
        return bool(text) and self._server.tokenize(text) != self._server.tokenize(text, special=False)

    @cached_property
    def _special(self) -> re.Pattern[str] | None:
        return special_pattern(special_tokens(self._path))

    @cached_property
    def _server(self) -> LlamaServer:
        with self._loading:  # two threads that need the model at once load it once
            if "_server" in vars(self):
                loaded: LlamaServer = vars(self)["_server"]
                return loaded
            states = self._states.folder if self._states.prepare() else None
            count = self.spec.threads or threads.chosen(settings.load().threads) or self._load_before.free_cores()
            self._server = LlamaServer(self._path, self.window, count, states)
            return self._server

    @cached_property
    def _states(self) -> KeptStates:
        return KeptStates()

    @cached_property
    def _prefix(self) -> LlamaPrefix:
        facts = (*self.identity.values(), str(self.window))
        return LlamaPrefix(self._server, self._states if self._states.prepare() else None, facts)
