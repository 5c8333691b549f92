"""Embedders of the package and of the tests keep to their contracts; the contracts find what does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragqa.config.endpoints import OpenAIEmbed
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed, SentenceTransformersEmbed
from ragqa.embed.encoder import EncoderEmbedder
from ragqa.embed.openai import OpenAIEmbedder
from ragqa.embed.sentence_transformers import SentenceTransformersEmbedder
from ragqa.stages import Embedder
from ragqa.testing.embedder import EmbedderContract, TokenCounterContract
from tests.fakes import Vectors, WordEmbedder
from tests.json_server import Endpoint, embeds, serving
from tests.tiny import save_modules, save_tiny_bert


class Tiny:
    """Makes embedders of a tiny encoder."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _save(self, tmp_path: Path) -> None:
        self.folder = save_tiny_bert(tmp_path)


class TestMeanPool(Tiny, EmbedderContract):
    def make(self) -> EncoderEmbedder:
        return EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(self.folder), dtype="float32"))


class TestClsPool(Tiny, EmbedderContract):
    def make(self) -> EncoderEmbedder:
        spec = ClsPoolEmbed(kind="cls_pool", model=str(self.folder), dtype="float32", engine="transformers")
        return EncoderEmbedder(spec)


class TestSentenceTransformers(Tiny, EmbedderContract):
    @pytest.fixture(autouse=True)
    def _save_modules(self, _save: None) -> None:
        save_modules(self.folder)

    def make(self) -> SentenceTransformersEmbedder:
        return SentenceTransformersEmbedder(
            SentenceTransformersEmbed(kind="sentence_transformers", model=str(self.folder), dtype="float32")
        )


class TestOpenAI(Tiny, EmbedderContract):
    server: Endpoint

    @pytest.fixture(autouse=True)
    def _serve(self, _save: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
        encoder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(self.folder), dtype="float32"))
        with serving(embeds(encoder)) as self.server:
            yield

    def make(self) -> OpenAIEmbedder:
        url, folder = self.server.url, str(self.folder)
        return OpenAIEmbedder(OpenAIEmbed(kind="openai", base_url=url, model="tiny", window=128, tokenizer=folder))


class TestOpenAIWithoutTokenizer(TestOpenAI):
    def make(self) -> OpenAIEmbedder:
        return OpenAIEmbedder(OpenAIEmbed(kind="openai", base_url=self.server.url, model="tiny", window=128, dim=32))


class TestWords(EmbedderContract):
    def make(self) -> WordEmbedder:
        return WordEmbedder()


# What breaks a promise is found


class Long(WordEmbedder):
    """Its vectors are twice as long as they should be."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(super().embed_passages(texts) * 2, dtype=np.float32)


class Double(WordEmbedder):
    """Its vectors are float64."""

    def embed_passages(self, texts: Sequence[str]) -> Any:
        return super().embed_passages(texts).astype(np.float64)


class Constant(WordEmbedder):
    """Every text has the same vector."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.full((len(texts), self.dim), self.dim**-0.5, dtype=np.float32)


class Nameless(WordEmbedder):
    """It does not say what its vectors depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = {}


class Special(WordEmbedder):
    """It counts special tokens."""

    def count(self, text: str) -> int:
        return 2 + super().count(text)


class Skips(WordEmbedder):
    """Its spans leave out every second word."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return super().offsets(text)[::2]


@pytest.mark.parametrize(
    ("embedder", "test", "message"),
    [
        (Long, "test_passages_become_unit_vectors_in_their_order", "must have length 1"),
        (Double, "test_passages_become_unit_vectors_in_their_order", "must be float32; they are float64"),
        (Constant, "test_texts_that_differ_have_vectors_that_differ", "two unlike texts have the same vector"),
        (Nameless, "test_another_object_gives_the_same_vectors_and_identity", "an empty identity"),
        (Special, "test_an_empty_text_has_no_token", "leave special tokens out"),
        (Special, "test_there_is_a_span_for_each_token", "tokens and .* spans"),
        (Skips, "test_the_visible_characters_of_a_text_are_within_its_spans", "no token covers"),
    ],
)
def test_a_contract_names_the_promise_that_is_broken(embedder: type[WordEmbedder], test: str, message: str) -> None:
    class Own(EmbedderContract):
        def make(self) -> Embedder:
            return embedder()

    with pytest.raises(AssertionError, match=message):
        getattr(Own(), test)()


class TestWordsAsTokenCounter(TokenCounterContract):
    def make(self) -> WordEmbedder:
        return WordEmbedder()
