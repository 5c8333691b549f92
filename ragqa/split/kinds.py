"""One class for each kind of `split`, with its places to cut. Their common code is in `TextSplitter` and `Cutter`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ragqa.config.specs import CodeSplit
from ragqa.records import Document
from ragqa.split.cutter import code_separators
from ragqa.split.markdown import document_sections
from ragqa.split.spans import Span, match_ends
from ragqa.split.splitter import Section, TextSplitter
from ragqa.stages import TokenCounter
from ragqa.text_analysis import CLOSING_MARKS, END_MARKS

_SENTENCE_END = re.compile(
    rf"[.!?…]+[{CLOSING_MARKS}\]]*\s+|[{END_MARKS}]+[{CLOSING_MARKS}\]]*\s*|\n{{2,}}|(?:\r\n){{2,}}"
)


class RecursiveSplitter(TextSplitter):
    """Cuts at the largest break that fits: paragraph, line, sentence, word."""

    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield the pieces between the best separators."""
        return self.cutter.recurse(text, low, high)


class TokenSplitter(TextSplitter):
    """Cuts after a fixed number of units, between any two tokens."""

    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield windows with as many tokens, or characters, as the bound allows."""
        step = self.cutter.bound
        if self.spec.unit == "character":
            starts = list(range(low, high, step))
        else:
            tokens = [low + span[0] for span in self.counter.offsets(text[low:high])]
            starts = sorted({low, *tokens[::step]})
        for start, end in pairwise([*starts, high]):
            yield from self.cutter.bounded(text, start, end)


class MarkdownSplitter(TextSplitter):
    """Cuts at headings first; the heading path is kept as context."""

    def sections(self, document: Document) -> Iterable[Section]:
        """Return the spans between headings, each with the headings above it."""
        return document_sections(document)

    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield the pieces of a section between the best separators."""
        return self.cutter.recurse(text, low, high)


class SentenceSplitter(TextSplitter):
    """Fills chunks with whole sentences."""

    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield runs of sentences that fit."""
        return self.cutter.fill(text, match_ends(_SENTENCE_END, text, low, high))


class CodeSplitter(TextSplitter):
    """Cuts source code at classes, functions and blocks.

    :raises UsageError: an unknown programming language.
    """

    def __init__(self, spec: CodeSplit, counter: TokenCounter) -> None:
        super().__init__(spec, counter, code_separators(spec.language))

    def pieces(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield the pieces between the best separators of the language."""
        return self.cutter.recurse(text, low, high)
