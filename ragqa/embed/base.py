"""What embedders have in common: tokens by their tokenizer, and vectors of passages and of questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ragqa.embed.questions import QuestionEmbedder, Vectors
from ragqa.embed.tokens import ByteTokens, ModelTokens


class TextEmbedder(ABC):
    """The methods of an `Embedder` that follow from its tokens, and from `_embed`."""

    _tokens: ModelTokens | ByteTokens
    _questions: QuestionEmbedder

    @abstractmethod
    def _embed(self, texts: Sequence[str], what: str) -> Vectors:
        """Return float32[len(texts), dim].

        :param what: `query` or `passage`, the prefix that is put before each text.
        """

    def _embedder_of_questions(self, prefix: str, window: int, name: str) -> QuestionEmbedder:
        """Return what embeds questions of any length, with a prefix before each."""
        return QuestionEmbedder(
            lambda texts: self._embed(texts, "query"),
            lambda text: self._tokens.lengths([prefix + text])[0],
            window,
            name,
        )

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, without special tokens; its UTF-8 bytes where no tokenizer is known."""
        return self._tokens.count(text)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`."""
        return self._tokens.offsets(text)

    def unknown_share(self, text: str) -> float:
        """Return the share of the letters of a text that are in tokens which the vocabulary lacks, between 0 and 1."""
        return self._tokens.unknown_share(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32[len(texts), dim], rows L2-normalised; float32[0, dim] for no texts.

        The row of a text is zero where the vocabulary is known and lacks all its words.

        :raises UsageError: a text is longer than the window, or an endpoint refuses the request.
        :raises ModelError: the model cannot be loaded, or an endpoint does not have it.
        :raises ResourceError: an endpoint fails, or its vectors are not as they should be.
        """
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of strings, not one string")
        return self._embed(texts, "passage")

    def embed_question(self, question: str) -> Vectors:
        """Return float32[dim], L2-normalised; zero where the vocabulary is known and lacks all words of the question.

        A question that is longer than the window is embedded in parts: the mean of their vectors, normalised.

        :raises UsageError: the model's own prefix for questions leaves no room for a question.
        :raises ResourceError: an endpoint fails, or its vectors are not as they should be.
        """
        return self._questions.one(question)

    def embed_questions(self, questions: Sequence[str]) -> Vectors:
        """Return float32[len(questions), dim]: the row of each question is what `embed_question` returns for it.

        It raises what `embed_question` raises.
        """
        return self._questions.many(questions)
