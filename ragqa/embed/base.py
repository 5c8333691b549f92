"""What embedders have in common: tokens by their tokenizer, and vectors of passages and of questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ragqa import stopping
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed, SentenceTransformersEmbed
from ragqa.embed.questions import QuestionEmbedder, Vectors, refuse_long
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


class LocalEmbedder(TextEmbedder):
    """An embedder whose model runs in this process, in batches of texts of similar length."""

    spec: MeanPoolEmbed | ClsPoolEmbed | SentenceTransformersEmbed
    window: int
    prefixes: Mapping[str, str]
    _tokens: ModelTokens

    @property
    @abstractmethod
    def dim(self) -> int:
        """Return the number of dimensions."""

    @abstractmethod
    def _forward(self, texts: list[str], ids: list[list[int]], what: str, rows: list[int]) -> Vectors:
        """Return the vectors of a batch, L2-normalised.

        :param ids: the tokens of each text, with its prefix and special tokens.
        :param what: `query` or `passage`.
        :param rows: the places of the texts among all, for messages.
        """

    def _embed(self, texts: Sequence[str], what: str) -> Vectors:
        prefix = self.prefixes[what]
        encodings = self._tokens.read([prefix + text for text in texts])
        ids = [encoding.ids for encoding in encodings]
        lengths = [len(tokens) for tokens in ids]
        refuse_long(lengths, self.window, self.spec.model, what)
        # Batches are computed in another order, but each row is written at the place of its text.
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in batches(lengths, self.spec.batch_tokens):
            stopping.check()
            out[rows] = self._forward([texts[row] for row in rows], [ids[row] for row in rows], what, rows)
        # The vector of unknown words alone says nothing: it is zero, and near to nothing.
        for row, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
            if self._tokens.is_unknown(prefix + text, len(prefix), encoding):
                out[row] = 0.0
        return out


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield row numbers in batches of at most `batch_tokens` tokens, counted as if padded, longest rows first.

    Sorting by length keeps padding small. With the longest rows first, a lack of memory shows at the beginning. A row
    longer than `batch_tokens` is a batch of its own.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
