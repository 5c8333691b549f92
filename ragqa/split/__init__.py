"""Document -> Chunks with exact character spans: `document.text[chunk.start:chunk.end] == chunk.text`, always.

`kinds` has one class for each kind of `split`, `splitter` what they share (overlap, context, chunks), `cutter` the sizing:
spans that stay within a bound. `rows` and `markdown` find where a table, a list of records or a page with headings may be cut.
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
