"""Pooling against a naive loop, batches, and vectors equal to those of sentence-transformers."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ragqa.config.specs import MeanPoolEmbed
from ragqa.embed.encoder import EncoderEmbedder, batches
from ragqa.embed.pooling import cls_pool, mean_pool
from ragqa.errors import UsageError

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
TEXTS = ["a ferry", "The turbine at Skarn Head makes 4.2 megawatts.", "", "naïve 日本語 🎉", "word " * 150]


def naive_mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    rows = []
    for row, keep in zip(hidden.float(), mask, strict=True):
        kept = [vector for vector, flag in zip(row, keep, strict=True) if flag]
        rows.append(sum(kept, torch.zeros(hidden.shape[-1])) / max(1, len(kept)))
    return torch.stack(rows)


@pytest.fixture
def hidden() -> torch.Tensor:
    return torch.randn(4, 7, 16, generator=torch.Generator().manual_seed(0))


MASK = torch.tensor([[1] * 7, [1] * 3 + [0] * 4, [1] + [0] * 6, [0] * 7])


def test_mean_pooling_equals_a_naive_loop_and_an_all_masked_row_gives_zeros(hidden: torch.Tensor) -> None:
    pooled = mean_pool(hidden, MASK)
    torch.testing.assert_close(pooled, naive_mean(hidden, MASK))
    assert pooled[3].abs().max() == 0


@pytest.mark.parametrize("pool", [mean_pool, cls_pool])
def test_padding_and_batch_order_change_nothing(
    pool: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], hidden: torch.Tensor
) -> None:
    padded = torch.cat([hidden, torch.full((4, 5, 16), 1e6)], dim=1)
    mask = torch.cat([MASK, torch.zeros(4, 5, dtype=torch.long)], dim=1)
    torch.testing.assert_close(pool(padded, mask), pool(hidden, MASK))
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(pool(hidden[order], MASK[order]), pool(hidden, MASK)[order])


@pytest.mark.parametrize("pool", [mean_pool, cls_pool])
def test_bfloat16_gives_float32_and_an_empty_batch_keeps_its_dimension(
    pool: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], hidden: torch.Tensor
) -> None:
    pooled = pool(hidden.bfloat16(), MASK)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, pool(hidden.bfloat16().float(), MASK))
    assert pool(torch.empty(0, 7, 16), torch.empty(0, 7)).shape == (0, 16)


def test_the_sum_of_many_bfloat16_tokens_keeps_its_precision() -> None:
    hidden = torch.full((1, 4096, 2), 1.0, dtype=torch.bfloat16)
    hidden[0, ::2] += 0.0078125
    exact = hidden.double().mean(dim=1).float()
    torch.testing.assert_close(mean_pool(hidden, torch.ones(1, 4096)), exact, atol=1e-6, rtol=0)


def test_cls_pooling_takes_the_first_token(hidden: torch.Tensor) -> None:
    assert torch.equal(cls_pool(hidden, MASK)[:3], hidden[:3, 0])


@given(lengths=st.lists(st.integers(1, 600), max_size=80), limit=st.integers(64, 4096))
def test_batches_hold_every_row_once_within_the_padded_limit(lengths: list[int], limit: int) -> None:
    found = list(batches(lengths, limit))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= limit


@pytest.fixture(scope="module")
def embedder() -> EncoderEmbedder:
    return EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model="all-minilm-l6-v2", dtype="float32", batch_tokens=512))


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
    with pytest.raises(UsageError, match="the question has"):
        embedder.embed_question("word " * 300)


@offline
def test_one_string_is_refused_where_a_sequence_is_meant(embedder: EncoderEmbedder) -> None:
    with pytest.raises(TypeError, match="sequence of strings"):
        embedder.embed_passages("one text")


@offline
def test_token_offsets_are_spans_of_the_text(embedder: EncoderEmbedder) -> None:
    text = "Café Skarn: 4.2 MW"
    spans = embedder.offsets(text)
    assert len(spans) == embedder.count(text)
    assert text[spans[0][0] : spans[0][1]] == "Café"
