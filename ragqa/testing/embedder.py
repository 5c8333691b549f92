"""The requirements on every `Embedder` and `TokenCounter`, as tests to inherit; see `ragqa.testing`."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ragqa.stages import BatchEmbedder, Embedder, TokenCounter

TEXTS = ["The ferry leaves at noon.", "Mara Lind approves a loan.", "日本の港 — café, naïve 🎉"]


class TokenCounterContract(ABC):
    """The requirements on every `TokenCounter`; an `Embedder` is one too."""

    @abstractmethod
    def make(self) -> TokenCounter:
        """Return the token counter under test."""

    def test_an_empty_text_has_no_token(self) -> None:
        """Documents may be empty."""
        counter = self.make()
        assert counter.count("") == 0, f"an empty text has {counter.count('')} tokens: leave special tokens out"
        assert counter.offsets("") == []

    def test_there_is_a_span_for_each_token(self) -> None:
        """Splitters cut at the spans, and `chunk_size` limits the count."""
        counter = self.make()
        for text in TEXTS:
            n, spans = counter.count(text), counter.offsets(text)
            assert n == len(spans) > 0, f"{n} tokens and {len(spans)} spans in {text!r}"

    def test_spans_lie_in_the_text_and_come_in_order(self) -> None:
        """They are positions of characters, end exclusive: a chunk is cut from the text by them."""
        counter = self.make()
        for text in TEXTS:
            spans = counter.offsets(text)
            assert all(0 <= start <= end <= len(text) for start, end in spans), f"a span lies outside {text!r}: {spans}"
            starts = [start for start, _ in spans]
            assert starts == sorted(starts), f"spans are not in order: {spans}"

    def test_the_visible_characters_of_a_text_are_within_its_spans(self) -> None:
        """A splitter that cuts by tokens would lose characters that no token covers."""
        counter = self.make()
        for text in TEXTS[:2]:
            covered = {place for start, end in counter.offsets(text) for place in range(start, end)}
            left = [character for place, character in enumerate(text) if place not in covered and character.isalnum()]
            assert left == [], f"no token covers {left} of {text!r}"


class EmbedderContract(TokenCounterContract):
    """The requirements on every `Embedder`."""

    @abstractmethod
    def make(self) -> Embedder:
        """Return the embedder under test. Two returned embedders must give the same vectors."""

    def test_questions_together_have_the_vectors_of_each_alone(self) -> None:
        """A `BatchEmbedder` embeds several questions at once; the hits must not depend on who asks at the same time."""
        embedder = self.make()
        if isinstance(embedder, BatchEmbedder):
            together = embedder.embed_questions(TEXTS)
            alone = np.stack([embedder.embed_question(text) for text in TEXTS])
            assert together.shape == alone.shape and np.allclose(together, alone, atol=1e-5), "the vectors differ"
            assert embedder.embed_questions([]).shape == (0, embedder.dim)

    def test_passages_become_unit_vectors_in_their_order(self) -> None:
        """The search uses the inner product as the cosine."""
        embedder = self.make()
        vectors = embedder.embed_passages(TEXTS)
        assert vectors.dtype == np.float32, f"vectors must be float32; they are {vectors.dtype}"
        assert vectors.shape == (len(TEXTS), embedder.dim), f"the shape is {vectors.shape}, and `dim` is {embedder.dim}"
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.allclose(lengths, 1, atol=1e-3), f"vectors must have length 1; they have {lengths}"
        for row, text in zip(vectors, TEXTS, strict=True):
            assert np.allclose(row, embedder.embed_passages([text])[0], atol=1e-2), (
                f"the vector of {text!r} depends on others"
            )

    def test_no_text_gives_no_row(self) -> None:
        """A run without new texts embeds nothing."""
        embedder = self.make()
        assert embedder.embed_passages([]).shape == (0, embedder.dim)

    def test_a_question_becomes_one_unit_vector(self) -> None:
        """It is compared with the vectors of passages."""
        embedder = self.make()
        vector = embedder.embed_question("When does the ferry leave?")
        assert vector.dtype == np.float32 and vector.shape == (embedder.dim,), f"{vector.dtype} of shape {vector.shape}"
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-3, "the vector of a question must have length 1"

    def test_a_question_of_any_length_becomes_one_unit_vector(self) -> None:
        """People paste whole letters; a question that exceeds the window is embedded in parts."""
        question = "When does the ferry leave for the island in winter? " * 120
        vector = self.make().embed_question(question)
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-3 and np.isfinite(vector).all()

    def test_texts_that_differ_have_vectors_that_differ(self) -> None:
        """With equal vectors, a search could not rank passages."""
        one, other, _ = self.make().embed_passages(TEXTS)
        assert float(one @ other) < 0.999, "two unlike texts have the same vector"

    def test_another_object_gives_the_same_vectors_and_identity(self) -> None:
        """The index compares both before a search: questions and passages must have the same embedder."""
        first, second = self.make(), self.make()
        assert first.identity == second.identity, "the same settings must give the same identity"
        assert all(isinstance(text, str) for pair in first.identity.items() for text in pair), (
            "an identity is of strings"
        )
        assert first.identity, "an empty identity lets any index pass for one of this embedder"
        assert np.allclose(first.embed_passages(TEXTS), second.embed_passages(TEXTS), atol=1e-5)

    def test_what_is_recorded_is_plain_text(self) -> None:
        """`ragqa show` prints it."""
        recorded = self.make().recorded
        assert all(isinstance(text, str) for pair in recorded.items() for text in pair), (
            f"{recorded} holds other than text"
        )

    def test_loading_changes_nothing(self) -> None:
        """A pipeline may load models before the first question, or not."""
        loaded, fresh = self.make(), self.make()
        loaded.load()
        loaded.load()
        assert np.allclose(loaded.embed_passages(TEXTS), fresh.embed_passages(TEXTS), atol=1e-5)
