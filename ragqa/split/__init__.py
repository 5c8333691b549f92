"""Document -> Chunks with exact character spans: always `document.text[chunk.start:chunk.end] == chunk.text`.

`kinds` has one class for each kind of `split`. `splitter` has the common code (overlap, context, chunks). `cutter`
bounds the size of spans. `spans` finds the rows of tables, and `markdown` the sections of a page with headings.
"""

from ragqa.split.cutter import SEPARATORS
from ragqa.split.kinds import (
    CodeSplitter,
    MarkdownSplitter,
    RecursiveSplitter,
    SentenceSplitter,
    TokenSplitter,
)
from ragqa.split.splitter import CONTEXT_BYTES, TextSplitter

__all__ = [
    "CONTEXT_BYTES",
    "SEPARATORS",
    "CodeSplitter",
    "MarkdownSplitter",
    "RecursiveSplitter",
    "SentenceSplitter",
    "TextSplitter",
    "TokenSplitter",
]
