"""Pooling against a naive loop, packed sequences against transformers, vectors equal to those of sentence-transformers."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Whitespace
from transformers import BertConfig, BertModel

from ragqa import models
from ragqa.config.specs import MeanPoolEmbed
from ragqa.embed import words
from ragqa.embed.base import batches
from ragqa.embed.encoder import EncoderEmbedder
from ragqa.embed.pooling import cls_pool, mean_pool
from ragqa.embed.transformers_encoder import TransformersEncoder
from ragqa.embed.words import goes_by_words
from ragqa.errors import ModelError, UsageError
from ragqa.transformer import load_encoder
from tests.tiny import save_tiny_bert

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
TEXTS = ["a ferry", "The turbine at Skarn Head makes 4.2 megawatts.", "", "naïve 日本語 🎉", "word " * 150]


@pytest.fixture
def hidden() -> torch.Tensor:
    return torch.randn(7, 16, generator=torch.Generator().manual_seed(0))


def test_mean_pooling_equals_a_naive_loop_and_no_tokens_give_zeros(hidden: torch.Tensor) -> None:
    naive = sum(hidden, torch.zeros(16)) / 7
    torch.testing.assert_close(mean_pool(hidden), naive)
    assert mean_pool(hidden[:0]).abs().max() == 0


@pytest.mark.parametrize("pool", [mean_pool, cls_pool])
def test_bfloat16_gives_float32_and_an_empty_text_keeps_its_dimension(
    pool: Callable[[torch.Tensor], torch.Tensor], hidden: torch.Tensor
) -> None:
    pooled = pool(hidden.bfloat16())
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, pool(hidden.bfloat16().float()))
    assert pool(torch.empty(0, 16)).shape == (16,)


def test_the_sum_of_many_bfloat16_tokens_keeps_its_precision() -> None:
    hidden = torch.full((4096, 2), 1.0, dtype=torch.bfloat16)
    hidden[::2] += 0.0078125
    exact = hidden.double().mean(dim=0).float()
    torch.testing.assert_close(mean_pool(hidden), exact, atol=1e-6, rtol=0)


def test_cls_pooling_takes_the_first_token(hidden: torch.Tensor) -> None:
    assert torch.equal(cls_pool(hidden), hidden[0])


def small_bert(folder: Path, **changes: Any) -> None:
    config = {"vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
    torch.manual_seed(1)
    sizes = {"intermediate_size": 48, "max_position_embeddings": 40}
    BertModel(BertConfig(**(config | sizes | changes))).save_pretrained(folder)


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_packed_hidden_states_equal_those_of_transformers(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bert")
    small_bert(folder)
    random = torch.Generator().manual_seed(sum(lengths))
    ids = [torch.randint(0, 60, (length,), generator=random).tolist() for length in lengths]
    engines = (load(folder, dtype=torch.float32, device="cpu") for load in (load_encoder, TransformersEncoder.load))
    for ours, theirs in zip(*(engine.hidden(ids) for engine in engines), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_automatic_precision_is_bfloat16_only_where_that_multiplies_faster() -> None:
    tiles = torch.cuda.is_available() or torch.cpu._is_amx_tile_supported()
    assert models.torch_dtype("auto", matrices=True) == (torch.bfloat16 if tiles else torch.float32)
    assert models.torch_dtype("float32", matrices=True) == torch.float32


@given(lengths=st.lists(st.integers(1, 600), max_size=80), limit=st.integers(64, 4096))
def test_batches_hold_every_row_once_within_the_padded_limit(lengths: list[int], limit: int) -> None:
    found = list(batches(lengths, limit))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= limit


@pytest.fixture(scope="module")
def embedder() -> EncoderEmbedder:
    return EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model="all-minilm-l6-v2", dtype="float32", batch_tokens=512))


HOSTILE = (
    "a ferry, (of 1,204.50 kg) isn't re-used...\n\n\tIt  leaves\r\nat noon\u00a0sharp\u2028now\x1cand\x00then\x85\ufeff. "
    "Cafe\u0301 na\u00efve \u0301lone \u98a8\u529b\u767a\u96fb \ud55c\uad6d\uc5b4 [MASK] [CLS]x [ MASK ] [mask] "
    "\U0001f600\U0001f468\u200d\U0001f469 ##ing un##able \u0130stanbul \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \ufb01n \u00bd "
)


@offline
@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.sampled_from([*HOSTILE.split(" "), *HOSTILE, "word" * 60, " ", "\n"]), max_size=40),
       text=st.text(max_size=60))  # fmt: skip
def test_tokens_counted_word_by_word_are_those_of_the_whole_text(parts: list[str], text: str) -> None:
    """The splitter measures by them; chunks must not depend on how they are counted."""
    embedder = default_embedder()
    for each in ("".join(parts), " ".join(parts), text, HOSTILE):
        try:
            whole = embedder.tokenizer.encode(each, add_special_tokens=False)
        except UnicodeEncodeError:
            continue
        assert embedder.count(each) == len(whole.ids)
        assert embedder.offsets(each) == whole.offsets


@offline
def test_words_that_are_kept_are_few_and_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MOST_WORDS", 50)
    embedder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model="all-minilm-l6-v2"))
    for n in range(30):
        text = " ".join(f"w{n}x{i}" for i in range(20)) + " " + "long" * 100
        assert embedder.count(text) == len(embedder.tokenizer.encode(text, add_special_tokens=False).ids)
        assert embedder._tokens._words is not None
        for kept in (embedder._tokens._words._counts, embedder._tokens._words._tokens):
            assert 0 < len(kept) <= 50 and max(map(len, kept)) <= 100


def test_only_a_bert_tokenizer_goes_by_words() -> None:
    tokenizer = Tokenizer(WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    assert not goes_by_words(tokenizer)
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    assert goes_by_words(tokenizer)
    tokenizer.add_special_tokens([AddedToken("[MASK]", normalized=False)])
    assert goes_by_words(tokenizer)
    tokenizer.add_tokens([AddedToken("new york", normalized=False)])
    assert not goes_by_words(tokenizer), "a token may hold a blank then"
    other = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    other.normalizer, other.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    assert not goes_by_words(other)


@cache
def default_embedder() -> EncoderEmbedder:
    return EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model="all-minilm-l6-v2"))


@offline
def test_float32_vectors_equal_those_of_sentence_transformers(embedder: EncoderEmbedder) -> None:
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(embedder.folder), device="cpu", local_files_only=True)
    theirs = peer.encode(TEXTS, normalize_embeddings=True)
    ours = embedder.embed_passages(TEXTS)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(embedder.embed_question(TEXTS[1]), theirs[1], atol=1e-5)


@offline
def test_rows_are_unit_length_and_no_texts_give_no_rows(embedder: EncoderEmbedder) -> None:
    np.testing.assert_allclose(np.linalg.norm(embedder.embed_passages(TEXTS), axis=1), 1.0, atol=1e-5)
    assert embedder.embed_passages([]).shape == (0, embedder.dim) == (0, 384)


@offline
def test_bfloat16_vectors_stay_close_to_float32(embedder: EncoderEmbedder) -> None:
    half = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model="all-minilm-l6-v2", dtype="bfloat16"))
    cosine = (half.embed_passages(TEXTS) * embedder.embed_passages(TEXTS)).sum(axis=1)
    assert cosine.min() > 0.999
    assert half.identity == embedder.identity


@offline
def test_a_text_beyond_the_window_is_an_error_not_a_truncation(embedder: EncoderEmbedder) -> None:
    with pytest.raises(UsageError, match=r"text 1 has .* tokens; all-minilm-l6-v2 reads 256"):
        embedder.embed_passages(["short", "word " * 300])


@offline
def test_a_question_beyond_the_window_is_embedded_in_parts_and_this_is_told(
    embedder: EncoderEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = "The ferry leaves at noon. " * 40, "A loan is approved by the board. " * 40
    short = embedder.embed_question(TEXTS[1])
    assert caplog.messages == []
    vector = embedder.embed_question(first + second)
    assert np.array_equal(embedder.embed_question(first + second), vector), "and is told once"
    assert caplog.messages == [
        "the question is longer than the 256 tokens that all-minilm-l6-v2 reads: it was embedded in 4 parts, "
        "whose mean is searched"
    ]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) and vector.shape == short.shape
    topics = embedder.embed_passages(["A ferry leaves at noon.", "The board approves a loan.", "Whales sing."])
    ferry, loan, whale = topics @ vector
    assert min(ferry, loan) > whale + 0.3, "all parts count"
    long_word = embedder.embed_question("x" * 3000)
    assert np.isfinite(long_word).all()


@offline
def test_questions_together_have_the_vectors_of_each_alone_in_every_bit(embedder: EncoderEmbedder) -> None:
    questions = [
        "When does the ferry leave?",
        "",
        "word " * 700,
        "日本語",
        *(f"Who has the key {i}?" for i in range(20)),
    ]
    together = embedder.embed_questions(questions)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.array([embedder.embed_question(question) for question in questions]))
    assert embedder.embed_questions([]).shape == (0, embedder.dim)


def test_one_string_is_refused_where_a_sequence_is_meant(embedder: EncoderEmbedder) -> None:
    with pytest.raises(TypeError, match="sequence of strings"):
        embedder.embed_passages("one text")


@offline
def test_token_offsets_are_spans_of_the_text(embedder: EncoderEmbedder) -> None:
    text = "Café Skarn: 4.2 MW"
    spans = embedder.offsets(text)
    assert len(spans) == embedder.count(text)
    assert text[spans[0][0] : spans[0][1]] == "Café"


def tokenised(folder: Path) -> Path:
    """Return a folder with a small BERT whose tokens are words of one letter."""
    small_bert(folder)
    vocabulary = {"[UNK]": 0} | {letter: 1 + number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_either_engine_gives_the_same_vectors_and_is_no_part_of_their_identity(tmp_path: Path) -> None:
    folder = tokenised(tmp_path)
    native, library, auto = (
        EncoderEmbedder(MeanPoolEmbed.model_validate({"kind": "mean_pool", "model": str(folder), "engine": engine}))
        for engine in ("native", "transformers", "auto")
    )
    assert [one.recorded["engine"] for one in (native, library, auto)] == ["native", "transformers", "native"]
    assert native.identity == library.identity
    texts = ["a b c", "z", "q w e r t y " * 5]
    np.testing.assert_allclose(native.embed_passages(texts), library.embed_passages(texts), atol=1e-6)


def test_a_form_that_native_does_not_know_is_left_to_transformers_and_refused_where_native_is_asked_for(
    tmp_path: Path,
) -> None:
    folder = tokenised(tmp_path)
    file = folder / "config.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"gelu"', '"relu"'), encoding="utf-8")
    spec = {"kind": "mean_pool", "model": str(folder)}
    assert EncoderEmbedder(MeanPoolEmbed.model_validate(spec)).engine == "transformers"
    with pytest.raises(ModelError, match="engine native does not know the form of"):
        EncoderEmbedder(MeanPoolEmbed.model_validate(spec | {"engine": "native"}))


def test_the_vector_of_unknown_words_alone_is_zero_and_others_stay(tmp_path: Path) -> None:
    embedder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(tokenised(tmp_path))))
    lengths = np.linalg.norm(embedder.embed_passages(["ท่าเรือ เปิด?", "a b ท่าเรือ", "a", "12:30", "? !"]), axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 1, 1, 1], atol=1e-5)
    assert not embedder.embed_question("ท่าเรือ").any()
    assert not embedder.embed_question("ท่าเรือ " * 200).any(), "nor do the parts of a long one"
    assert np.linalg.norm(embedder.embed_question("a b")) == pytest.approx(1, abs=1e-5)


def test_the_words_of_the_models_own_prompt_are_none_of_the_text(tmp_path: Path) -> None:
    folder = tokenised(tmp_path)
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "q a: ", "passage": "p a: "}}')
    embedder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(folder)))
    assert not embedder.embed_passages(["ท่าเรือ"]).any() and not embedder.embed_question("ท่าเรือ").any()


def test_the_share_of_unknown_letters(tmp_path: Path) -> None:
    embedder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(tokenised(tmp_path))))
    shares = [embedder.unknown_share(text) for text in ("a b c d", "a b xyz vwq", "日本語", "", "12:30?")]
    assert shares == [0, 0.75, 1, 0, 0]
    assert embedder.unknown_share("a 日 " * 60_000) == 0.5, "a long text is read in parts"


def test_a_tokenizer_of_bytes_knows_every_word(tmp_path: Path) -> None:
    embedder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=str(save_tiny_bert(tmp_path))))
    assert embedder.unknown_share("ท่าเรือ") == 0 and embedder.embed_passages(["ท่าเรือ"]).any()
