"""Text of documents and of the user -> text that a model reads as nothing but text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ragqa.stages import Generator, LiteralReader

_FENCE = re.compile(r"<(?=/?\s*passage)", re.IGNORECASE)
"""The beginning of a text that would close the fence of a passage."""
_FORMAT_MARK = re.compile(r"<\|[^|<>\n]{1,60}\|>|</?s>|\[/?INST\]", re.IGNORECASE)
"""A mark of a chat format, such as `<|im_end|>`."""
_ANY_MARK = re.compile(r"<(?=\||/?s>)|\[(?=/?INST\])", re.IGNORECASE)
"""The beginning of such a mark, or of a part of one."""
_HARMLESS = "("
"""The character that replaces the first one of such a text. It is one byte, so that a passage never gets longer."""


def clean(text: str) -> tuple[str, int]:
    """Remove invisible control characters, and change text that a model would read as a fence.

    Removed are the categories Cc (except tab and line breaks), Cf (zero-width, bidirectional and tag characters), Co
    and Cs.

    :return: the text, and the number of removed characters.
    """
    visible = [c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs")]
    removed = len(text) - len(visible) - text.count("\r\n")
    return _FENCE.sub(_HARMLESS, "".join(visible)), removed


def count_text(generator: Generator, text: str) -> int:
    """Return the number of tokens of a text of a document, in which special tokens are text."""
    return count_tokens(generator, text, [(0, len(text))])


def count_tokens(generator: Generator, text: str, literal: Sequence[tuple[int, int]]) -> int:
    """Return the number of tokens of a prompt, with the spans in which special tokens are text."""
    if isinstance(generator, LiteralReader):
        return generator.count_literal(text, literal)
    return generator.count(text)


class FormatMarks:
    """The marks of a generator's chat format that a document could write.

    A `LiteralReader` reads a special token of a document as text, so that only the marks that are no special tokens to it
    are changed: `[INST]` in the format of Llama 2. For any other generator, everything is changed that looks like a
    mark.

    :param frame: the text of a prompt without that of documents and of the user.
    """

    def __init__(self, generator: Generator, frame: str) -> None:
        self._pattern: re.Pattern[str] | None = _ANY_MARK
        if isinstance(generator, LiteralReader):
            marks = sorted({mark for mark in _FORMAT_MARK.findall(frame) if not _is_special(generator, mark)})
            starts = "|".join(f"{re.escape(mark[0])}(?={re.escape(mark[1:])})" for mark in marks)
            self._pattern = re.compile(starts, re.IGNORECASE) if marks else None

    def changed(self, text: str) -> str:
        """Return a text of the same length without such marks."""
        return self._pattern.sub(_HARMLESS, text) if self._pattern else text


def _is_special(generator: LiteralReader, mark: str) -> bool:
    return generator.count_literal(mark, ()) != generator.count_literal(mark, [(0, len(mark))])
