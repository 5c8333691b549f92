"""The common code of all kinds that bounds the size of spans: it cuts a text into spans within a bound.

langchain-text-splitters finds the pieces; only this module imports it, and only when a text is cut, since questions need
none of it. With the options that keep separators and white space, its pieces join to the text again, so that their
offsets are sums of their lengths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from ragqa.config.slots import BYTES_PER_TOKEN
from ragqa.errors import UsageError
from ragqa.split.spans import Span
from ragqa.text_analysis import END_MARKS

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

SEPARATORS = [
    *("\n\n", "\f", "\r\n", "\n"),
    *END_MARKS,
    *(". ", "? ", "! "),
    *("；", "؛", "; "),
    *("，", "、", "､", "،", "၊", ", "),
    " ",
]
"""The separators of prose, best first: of paragraphs, lines, sentences in any script, clauses and words."""

WORD_START = re.compile(
    r"(?<!\S)\S"
    r"|(?<![\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2])(?![ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々])"
    r"[\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
    r"\u0e01-\u0e2e\u0e40-\u0e44\u0e81-\u0eae\u0ec0-\u0ec4\u1000-\u1021\u1780-\u17b3]"
)
"""A character with which a word may begin: after white space, and any letter of a script without spaces that no other
letter is written around, in Chinese, Japanese, Thai, Lao, Burmese and Khmer."""


@dataclass(frozen=True, slots=True)
class Separators:
    """The places at which a text may be cut, best first.

    :param are_patterns: True if they are regular expressions. A piece then begins with a separator; else it ends with
        one.
    """

    values: tuple[str, ...]
    are_patterns: bool = False

    def pattern(self) -> re.Pattern[str]:
        """Return a pattern that matches any of them."""
        return re.compile("|".join(self.values if self.are_patterns else map(re.escape, self.values)))


def prose_separators() -> Separators:
    """Return the separators of prose."""
    return Separators(tuple(SEPARATORS))


def code_separators(language: str) -> Separators:
    """Return the separators of source code in a language.

    :raises UsageError: langchain-text-splitters does not know the language.
    """
    from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

    try:
        member = Language(language)
    except ValueError as error:
        known = ", ".join(sorted(member.value for member in Language))
        raise UsageError(f"split.language: unknown {language!r}; valid: {known}") from error
    patterns = RecursiveCharacterTextSplitter.get_separators_for_language(member)
    return Separators(tuple(filter(None, patterns)), are_patterns=True)


class Cutter:
    """Cuts texts into contiguous spans. The length of each by `measure` is at most `bound`.

    A single character is never cut, even if its length exceeds the bound.
    """

    def __init__(self, separators: Separators, bound: int, measure: Callable[[str], int]) -> None:
        self.bound = bound
        self.separators = separators
        self.measure = measure
        self._separator = separators.pattern()

    @cached_property
    def library(self) -> RecursiveCharacterTextSplitter:
        """The splitter of the library, with these settings."""
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        return RecursiveCharacterTextSplitter(
            separators=list(self.separators.values),
            is_separator_regex=self.separators.are_patterns,
            keep_separator="start" if self.separators.are_patterns else "end",
            strip_whitespace=False,
            chunk_size=self.bound,
            chunk_overlap=0,
            length_function=self.measure,
        )

    def within(self, taken: int) -> Cutter:
        """Return a cutter whose bound is smaller by what is taken."""
        return Cutter(self.separators, max(1, self.bound - taken), self.measure)

    def recurse(self, text: str, low: int, high: int) -> Iterator[Span]:
        """Yield spans that end at the best separators."""
        # 1. Without a separator in the text, cut by characters here, since the library is slow at it.
        if not self._separator.search(text, low, high):
            yield from self._by_characters(text, low, high)
            return
        # 2. Let the library cut. Its pieces join to the text again, so that their offsets are sums of lengths.
        start = low
        for piece in self.library.split_text(text[low:high]):
            end = start + len(piece)
            if text[start:end] != piece:  # the library has changed the text, so that its offsets would be wrong
                raise AssertionError(f"langchain-text-splitters changed the text at offset {start}")
            yield from self._cut_piece(text, start, end)
            start = end
        # 3. Add the end of the text, if the library has left it out.
        if start != high:
            yield from self._cut_piece(text, start, high)

    def fill(self, text: str, spans: Iterable[Span]) -> Iterator[Span]:
        """Join neighbouring spans as long as they fit; cut a span that does not fit alone."""
        for (low, high), fits in self.runs(text, spans):
            if fits:
                yield low, high
            else:
                yield from self.recurse(text, low, high)

    def runs(self, text: str, spans: Iterable[Span]) -> Iterator[tuple[Span, bool]]:
        """Join neighbouring spans as long as they fit. A span that does not fit alone is yielded with False."""
        start = end = None
        for low, high in spans:
            if start is not None and self.measure(text[start:high]) <= self.bound:
                end = high
                continue
            if start is not None and end is not None:
                yield (start, end), True
            start = end = None
            if self.measure(text[low:high]) <= self.bound:
                start, end = low, high
            else:
                yield (low, high), False
        if start is not None and end is not None:
            yield (start, end), True

    def bounded(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Halve a span that is still too long: the length of a span can exceed the sum over its parts."""
        if end - start <= 1 or self.measure(text[start:end]) <= self.bound:
            yield start, end
            return
        middle = (start + end) // 2
        yield from self.bounded(text, start, middle)
        yield from self.bounded(text, middle, end)

    def _cut_piece(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield a piece of the library in parts within the bound. A piece without a separator is cut by characters."""
        inside = (start + 1, end) if self.separators.are_patterns else (start, end - 1)
        if self.measure(text[start:end]) >= self.bound and not self._separator.search(text, *inside):
            yield from self._by_characters(text, start, end)
        else:
            yield from self.bounded(text, start, end)

    def _by_characters(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield spans of characters whose lengths add up to the bound, as the library does with the separator ""."""
        total = 0
        for at in range(start, end):
            length = self.measure(text[at])
            if total and total + length > self.bound:
                yield from self.bounded(text, start, at)
                start, total = at, 0
            total += length
        yield from self.bounded(text, start, end)


def text_length(unit: str, count: Callable[[str], int], chunk_size: int) -> Callable[[str], int]:
    """Return the function that measures the length of a chunk. It caches its results.

    With the unit `token`, a length is the greater of the number of tokens and a sixth of the number of UTF-8 bytes,
    because a tokenizer may make one token of a word of any length. A text that is too long by its bytes is not
    tokenised.
    """

    def in_tokens(text: str) -> int:
        in_bytes = -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
        return in_bytes if in_bytes > chunk_size else max(count(text), in_bytes)

    return lru_cache(maxsize=65536)(in_tokens if unit == "token" else len)
