"""The vocabulary of a causal LM: texts -> tokens, and the tokens with a meaning of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ragqa.generate import literal as literal_text
from ragqa.generate.literal import Span
from ragqa.records import Prompt

LINE_ENDS = ("\u010a", "\n", "<0x0A>")
"""The forms of a line break in vocabularies: GPT-2's byte symbol, the character itself, and SentencePiece's byte."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokenizer of a causal LM, as `load_tokenizer` returns it, and the tokens that end its answers."""

    tokenizer: Any
    end_tokens: frozenset[int]

    def encode(self, text: str, literal: Sequence[Span] = ()) -> list[int]:
        """Return the tokens of a text, without special tokens around it; within `literal`, special tokens are text."""
        parts = literal_text.cut(text, literal, self._special)
        if parts is None:
            ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids
        return self._joined(parts)[0]

    def encode_with_offsets(self, text: str, literal: Sequence[Span] = ()) -> tuple[list[int], list[Span]]:
        """Return the tokens of a text as `encode`, and the span of characters of each."""
        return self._joined(literal_text.cut(text, literal, self._special) or [literal_text.Part(0, text, True)])

    def special_texts(self, text: str) -> frozenset[str]:
        """Return the texts of special tokens that stand in a text."""
        return frozenset(self._special.findall(text) if self._special else ())

    def special_in(self, prompt: Prompt) -> frozenset[int]:
        """Return the special tokens that stand as text in a prompt, and end no answer."""
        found = {text for start, end in prompt.literal for text in self.special_texts(prompt.text[start:end])}
        added = self.tokenizer.added_tokens_decoder.items() if found else ()
        return frozenset(token for token, each in added if each.content in found) - self.end_tokens

    @cached_property
    def line_end_tokens(self) -> frozenset[int]:
        """Return the tokens whose text begins with a line break."""
        return frozenset(token for text, token in self.tokenizer.get_vocab().items() if text.startswith(LINE_ENDS))

    def _joined(self, parts: Sequence[literal_text.Part]) -> tuple[list[int], list[Span]]:
        ids: list[int] = []
        offsets: list[Span] = []
        for part in parts:
            encoded = self.tokenizer(
                part.text, add_special_tokens=False, split_special_tokens=not part.special, return_offsets_mapping=True
            )
            ids += encoded["input_ids"]
            offsets += [(part.start + start, part.start + end) for start, end in encoded["offset_mapping"]]
        return ids, offsets

    @cached_property
    def _special(self) -> re.Pattern[str] | None:
        added = self.tokenizer.added_tokens_decoder.values()
        return literal_text.special_pattern(str(token.content) for token in added if token.special)
