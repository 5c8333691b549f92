"""Every kind of splitter keeps to what each must keep to."""

from __future__ import annotations

from ragqa.split import TextSplitter
from ragqa.testing.splitter import SplitterContract
from tests.fakes import WordEmbedder
from tests.split.test_split import build


class Kind(SplitterContract):
    kind: str

    def make(self) -> TextSplitter:
        return build(self.kind, WordEmbedder(), chunk_size=16, overlap=4)


class TestRecursive(Kind):
    kind = "recursive"


class TestToken(Kind):
    kind = "token"


class TestMarkdown(Kind):
    kind = "markdown"


class TestSentence(Kind):
    kind = "sentence"


class TestCode(Kind):
    kind = "code"


class TestCharacters(SplitterContract):
    def make(self) -> TextSplitter:
        return build("recursive", WordEmbedder(), chunk_size=80, overlap=10, unit="character")
