"""The parts of the transformer against torch's own and naive loops, and the laws that the whole keeps."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, chain, pairwise, product
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.testing import assert_close
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from ragqa import transformer
from ragqa.transformer import (
    Decoder,
    Encoder,
    FeedForward,
    LayerNorm,
    Learned,
    MultiHeadAttention,
    Packed,
    RMSNorm,
    Rotary,
    Sinusoidal,
    StepwiseCausalMask,
    TransformerBlock,
    TransformerConfig,
    attend,
    causal_mask,
    onednn,
    padding_mask,
    rotate,
    use_onednn,
)
from ragqa.transformer.attention import attention
from ragqa.transformer.positions import Distances

Module = TypeVar("Module", bound=nn.Module)
few = settings(max_examples=15, deadline=None)
close: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-5}

SIZES = TransformerConfig(vocab_size=30, d_model=16, num_layers=2, num_heads=4, d_ff=24, max_length=24)
WRONG: dict[str, Any] = {"norm": {"norm": "x"}, "positions": {"positions": "x"}}
FORMS = {
    "first": replace(SIZES, pre_norm=False, positions="sinusoidal", activation="relu"),
    "gpt": replace(SIZES, positions="learned"),
    "llama": replace(
        SIZES,
        num_kv_heads=2,
        head_dim=6,
        norm="rms",
        gated=True,
        activation="silu",
        qkv_bias=False,
        bias=False,
        tied=False,
    ),
}
each_form = pytest.mark.parametrize("form", FORMS)
LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=4)


def test_every_part_is_found_by_its_name_and_nothing_else_is() -> None:
    assert all(getattr(transformer, name).__name__ == name for name in transformer.__all__)
    with pytest.raises(ImportError, match="cannot import name 'GPT'"):
        exec("from ragqa.transformer import GPT")


def random(*sizes: int, seed: int = 0) -> Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed))


def random_tokens(*sizes: int, seed: int = 0) -> Tensor:
    return torch.randint(0, SIZES.vocab_size, sizes, generator=torch.Generator().manual_seed(seed))


def randomised(module: Module) -> Module:
    """Fill biases and norms too, which would begin as zeros and ones."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.4)
    return module.eval()


def encoder(form: str) -> Encoder:
    return randomised(Encoder(FORMS[form]))


def decoder(form: str) -> Decoder:
    return randomised(Decoder(FORMS[form]))


def starts(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return where each of some lengths begins and ends when they follow one another."""
    return list(pairwise(accumulate(lengths, initial=0)))


# Masks and attention


def test_masks_are_what_their_docstrings_say() -> None:
    assert padding_mask([1, 3, 0], 3).tolist() == [[[[True, False, False]]], [[[True] * 3]], [[[False] * 3]]]
    assert causal_mask(2, 3).tolist() == [[True, True, False], [True, True, True]]
    one, two, three = [True, False, False], [False, True, True], [False, True, False]
    assert Packed((1, 2)).dense().tolist() == [one, two, two]
    assert Packed((1, 2), causal=True).dense().tolist() == [one, three, two]


def naive_attention(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Attend by loops over everything; `seen` is bool[batch, heads, queries, keys]."""
    group = query.shape[1] // key.shape[1]
    result, weights = torch.zeros_like(query), torch.zeros(seen.shape)
    for b, h, q in product(*map(range, seen.shape[:3])):
        visible = [k for k in range(seen.shape[3]) if seen[b, h, q, k]]
        products = [float(query[b, h, q] @ key[b, h // group, k]) for k in visible]
        exps = [math.exp(one / math.sqrt(query.shape[-1])) for one in products]
        for k, exp in zip(visible, exps, strict=True):
            weights[b, h, q, k] = exp / sum(exps)
            result[b, h, q] += exp / sum(exps) * value[b, h // group, k]
    return result, weights


@given(
    batch=st.integers(1, 2),
    kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    queries=st.integers(1, 4),
    past=st.integers(0, 3),
    kind=st.sampled_from(["none", "padding", "causal", "any"]),
)
@settings(max_examples=30, deadline=None)
def test_attention_equals_a_naive_loop(
    batch: int, kv_heads: int, group: int, queries: int, past: int, kind: str
) -> None:
    heads, keys = kv_heads * group, queries + past
    query, key, value = (
        random(batch, count, length, 6, seed=seed)
        for seed, (count, length) in enumerate([(heads, queries), (kv_heads, keys), (kv_heads, keys)])
    )
    masks = {
        "none": None,
        "padding": padding_mask([keys, 1][:batch], keys),
        "causal": causal_mask(queries, keys),
        "any": random(batch, 1, queries, keys, seed=3) > 0.5,
    }
    mask = masks[kind]
    seen = torch.ones(()).bool() if mask is None else mask
    result, weights = naive_attention(query, key, value, seen.expand(batch, heads, queries, keys))
    ours, our_weights = attention(query, key, value, mask)
    assert_close(ours, result, **close)
    assert_close(our_weights, weights, **close)
    assert_close(attend(query, key, value, mask), result, **close)


def test_attention_without_groups_equals_that_of_torch() -> None:
    query, key, value = (random(2, 3, 5, 8, seed=seed) for seed in range(3))
    for mask in (None, causal_mask(5, 5), padding_mask([5, 2], 5)):
        expected = scaled_dot_product_attention(query, key, value, mask)
        assert_close(attention(query, key, value, mask)[0], expected, **close)
        assert_close(attend(query, key, value, mask), expected, **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_query_that_sees_nothing_gives_zeros(dtype: torch.dtype) -> None:
    query, key, value = (random(2, 2, 3, 4, seed=seed).to(dtype) for seed in range(3))
    mask = padding_mask([3, 0], 3)
    defined, weights = attention(query, key, value, mask)
    for found in (defined, weights, attend(query, key, value, mask)):
        assert found.dtype == dtype
        assert found[0].isfinite().all() and found[0].abs().max() > 0
        assert found[1].abs().max() == 0


@given(lengths=LENGTHS, causal=st.booleans(), kv_heads=st.sampled_from([1, 2, 4]))
@few
def test_packed_equals_its_dense_mask(lengths: list[int], causal: bool, kv_heads: int) -> None:
    query = random(1, 4, sum(lengths), 6)
    key, value = (random(1, kv_heads, sum(lengths), 6, seed=seed) for seed in (1, 2))
    packed = Packed(tuple(lengths), causal)
    expected, weights = attention(query, key, value, packed.dense())
    assert_close(attend(query, key, value, packed), expected, **close)
    ours, our_weights = attention(query, key, value, packed)
    assert torch.equal(ours, expected) and torch.equal(our_weights, weights)


@given(lengths=LENGTHS, causal=st.booleans(), kv_heads=st.sampled_from([1, 2, 4]))
@few
def test_biases_are_added_to_the_scores_of_each_sequence(lengths: list[int], causal: bool, kv_heads: int) -> None:
    query = random(1, 4, sum(lengths), 6)
    key, value = (random(1, kv_heads, sum(lengths), 6, seed=seed) for seed in (1, 2))
    bias = random(4, max(lengths), max(lengths), seed=3)
    packed = Packed(tuple(lengths), causal)
    whole = attend(query, key, value, packed, bias=bias)
    assert_close(attention(query, key, value, packed, bias=bias)[0], whole, **close)
    for start, end in starts(lengths):
        q, k, v = (part[:, :, start:end] for part in (query, key, value))
        mask = causal_mask(end - start, end - start) if causal else None
        for alone in (attend(q, k, v, mask, bias=bias), attention(q, k, v, mask, bias=bias)[0]):
            assert_close(alone, whole[:, :, start:end], **close)
        scores = q @ k.repeat_interleave(4 // kv_heads, 1).mT / 6**0.5 + bias[:, : end - start, : end - start]
        scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
        named = scores.softmax(-1) @ v.repeat_interleave(4 // kv_heads, 1)
        assert_close(named, whole[:, :, start:end], **close)


@pytest.mark.parametrize("length", [1, 2, 9, 130, 514])
def test_classes_of_distances_are_those_of_mpnet(length: int) -> None:
    made = Distances(32, 3)
    at = torch.arange(length)
    classes = MPNetEncoder.relative_position_bucket(at[None, :] - at[:, None])  # type: ignore[no-untyped-call]
    assert torch.equal(made(length), made.weight[classes].permute(2, 0, 1))


@given(
    before=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    queries=st.integers(1, 3),
    kv_heads=st.sampled_from([1, 2, 4]),
)
@few
def test_query_by_query_equals_its_dense_mask_and_each_sequence_alone(
    before: list[int], queries: int, kv_heads: int
) -> None:
    batch, keys = len(before), max(before) + queries
    query = random(batch, 4, queries, 6)
    key, value = (random(batch, kv_heads, keys, 6, seed=seed) for seed in (1, 2))
    mask = StepwiseCausalMask(tuple(max(before) - n for n in before))
    expected, weights = attention(query, key, value, mask.dense(queries, keys))
    found = attend(query, key, value, mask)
    assert_close(found, expected, **close)
    assert_close(attention(query, key, value, mask)[1], weights, **close)
    for row, start in enumerate(mask.starts):
        for n in range(queries):
            parts = (
                query[None, row, :, n : n + 1],
                *(x[None, row, :, start : max(before) + n + 1] for x in (key, value)),
            )
            assert torch.equal(found[None, row, :, n : n + 1], attend(*parts))


def test_several_heads_equal_those_of_torch() -> None:
    theirs = randomised(nn.MultiheadAttention(12, 3, batch_first=True))
    ours = MultiHeadAttention(12, 3)
    assert theirs.in_proj_weight is not None and theirs.in_proj_bias is not None
    names = {"qkv": (theirs.in_proj_weight, theirs.in_proj_bias), "out": (theirs.out_proj.weight, theirs.out_proj.bias)}
    copied = {
        f"{part}.{kind}": t for part, both in names.items() for kind, t in zip(("weight", "bias"), both, strict=True)
    }
    ours.load_state_dict(copied)
    x, seen, causal = random(2, 5, 12), padding_mask([5, 2], 5), causal_mask(5, 5)
    hidden = {"key_padding_mask": ~seen[:, 0, 0], "attn_mask": ~causal}
    result, weights = theirs(x, x, x, **hidden, average_attn_weights=False)
    recorded, our_weights = ours(x, seen & causal, need_weights=True)
    assert_close(recorded, result, **close)
    assert_close(our_weights, weights, **close)
    fused, none = ours(x, seen & causal)
    assert none is None
    assert_close(fused, result, **close)


def test_grouped_heads_equal_heads_whose_keys_and_values_are_alike() -> None:
    grouped = randomised(MultiHeadAttention(12, 4, 2, head_dim=6))
    full = MultiHeadAttention(12, 4, head_dim=6)
    state = dict(grouped.state_dict())
    for name in ("qkv.weight", "qkv.bias"):
        query, *shared = state[name].unflatten(0, (8, 6)).split((4, 2, 2))
        state[name] = torch.cat([query, *(part.repeat_interleave(2, 0) for part in shared)]).flatten(0, 1)
    full.load_state_dict(state)
    x, rotation = random(2, 5, 12), Rotary(6)(torch.arange(5))
    assert_close(grouped(x, rotation=rotation)[0], full(x, rotation=rotation)[0], **close)


@given(order=st.permutations(range(6)))
@few
def test_without_positions_permuted_input_gives_permuted_output(order: list[int]) -> None:
    heads, x = randomised(MultiHeadAttention(12, 3)), random(2, 6, 12)
    assert_close(heads(x[:, order])[0], heads(x)[0][:, order], **close)
    model, tokens, nowhere = encoder("llama"), random_tokens(2, 6), torch.zeros(6, dtype=torch.int64)
    here = model(tokens, positions=nowhere)
    assert_close(model(tokens[:, order], positions=nowhere), here[:, order], **close)
    if order != sorted(order):
        assert (model(tokens[:, order]) - model(tokens)[:, order]).abs().max() > 1e-3


# Positions


def test_sinusoidal_positions_equal_their_formula() -> None:
    expected = torch.empty(50, 10)
    for position, i in product(range(50), range(5)):
        angle = position / 10_000 ** (2 * i / 10)
        expected[position, 2 * i], expected[position, 2 * i + 1] = math.sin(angle), math.cos(angle)
    assert_close(Sinusoidal(10)(torch.arange(50)), expected, **close)


@given(positions=st.lists(st.integers(0, 200), min_size=1, max_size=5), theta=st.sampled_from([100.0, 10_000.0]))
@few
def test_rotation_multiplies_complex_numbers(positions: list[int], theta: float) -> None:
    x = random(2, 3, len(positions), 8)
    expected = torch.empty_like(x)
    for b, h, (row, position), i in product(range(2), range(3), enumerate(positions), range(4)):
        number = complex(x[b, h, row, i], x[b, h, row, i + 4]) * cmath.exp(1j * position / theta ** (2 * i / 8))
        expected[b, h, row, i], expected[b, h, row, i + 4] = number.real, number.imag
    where = torch.tensor(positions)
    assert_close(rotate(x, Rotary(8, theta)(where)), expected, atol=1e-4, rtol=1e-4)
    each = Rotary(8, theta)(torch.stack((where, where + 1))[:, None])
    assert_close(rotate(x, each)[1], rotate(x[1], Rotary(8, theta)(where + 1)), **close)


@given(query_at=st.integers(0, 500), key_at=st.integers(0, 500), shift=st.integers(0, 500))
@few
def test_products_of_rotated_vectors_depend_on_distance_only(query_at: int, key_at: int, shift: int) -> None:
    query, key = random(16), random(16, seed=1)

    def at(x: Tensor, position: int) -> Tensor:
        return rotate(x[None], Rotary(16)(torch.tensor([position])))[0]

    assert_close(
        at(query, query_at) @ at(key, key_at), at(query, query_at + shift) @ at(key, key_at + shift), atol=2e-3, rtol=0
    )
    assert_close(at(query, query_at).norm(), query.norm(), **close)


def test_learned_positions_are_rows_that_take_gradients() -> None:
    learned = Learned(5, 3)
    found = learned(torch.tensor([4, 0, 4]))
    assert torch.equal(found, learned.weight[[4, 0, 4]])
    found.sum().backward()
    assert learned.weight.grad is not None and learned.weight.grad[:, 0].tolist() == [1, 0, 0, 0, 2]


# Feed-forward, norms, blocks


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("gelu", lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
        ("silu", lambda x: x / (1 + math.exp(-x))),
    ],
)
def test_feed_forward_equals_its_formula(activation: str, formula: Callable[[float], float], gated: bool) -> None:
    part, x = randomised(FeedForward(4, 6, activation=activation, gated=gated)), random(2, 3, 4)
    inner = x @ part.up.weight.T + part.up.bias
    bent = inner[..., :6].detach().clone().apply_(formula)
    expected = (bent * inner[..., 6:] if gated else bent) @ part.down.weight.T + part.down.bias
    assert_close(part(x), expected, **close)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(LayerNorm(12, 0.1), nn.LayerNorm(12, 0.1)), (RMSNorm(12, 0.1), nn.RMSNorm(12, 0.1))]
)
def test_norms_equal_those_of_torch(ours: nn.Module, theirs: nn.Module) -> None:
    theirs.load_state_dict(randomised(ours).state_dict())
    x = random(2, 5, 12) + 3
    assert_close(ours(x), theirs(x), **close)


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_norms_of_bfloat16_are_those_of_exact_sums(norm: type[LayerNorm] | type[RMSNorm]) -> None:
    x = (random(4, 2048) + 8).bfloat16()
    exact = norm(2048).double()(x.double())
    found = norm(2048).bfloat16()(x)
    assert found.dtype == torch.bfloat16
    assert_close(found.double(), exact, atol=2**-9, rtol=2**-8)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("pre_norm", [False, True])
def test_a_block_equals_the_encoder_layer_of_torch(activation: Any, pre_norm: bool) -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 24, 0.0, activation, 1e-5, batch_first=True, norm_first=pre_norm)
    theirs = randomised(layer)
    block = TransformerBlock(replace(SIZES, activation=activation, pre_norm=pre_norm)).eval()
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out.",
        "linear1.": "feed_forward.up.",
        "linear2.": "feed_forward.down.",
        "norm1.": "attention_norm.",
        "norm2.": "feed_forward_norm.",
    }
    state = {
        ours + name.removeprefix(old): t
        for name, t in theirs.state_dict().items()
        for old, ours in names.items()
        if name.startswith(old)
    }
    block.load_state_dict(state)
    x, mask = random(2, 5, 16), padding_mask([5, 3], 5)
    assert_close(block(x)[0], theirs(x), **close)
    assert_close(block(x, mask)[0], theirs(x, src_key_padding_mask=~mask[:, 0, 0]), **close)
    recorded, weights = block(x, mask, need_weights=True)
    assert_close(recorded, block(x, mask)[0], **close)
    assert weights.shape == (2, 4, 5, 5)


def test_dropout_acts_in_training_alone() -> None:
    tokens, x = random_tokens(1, 6), random(1, 6, 16)
    model = randomised(Encoder(replace(SIZES, dropout=0.5)))
    without = randomised(Encoder(SIZES))
    assert torch.equal(model(tokens), without(tokens))
    assert torch.equal(without.train()(tokens), without(tokens))
    assert not torch.equal(model.train()(tokens), model(tokens))
    heads = randomised(MultiHeadAttention(16, 4, dropout=0.5))
    for need_weights in (False, True):
        expected = heads.eval()(x, need_weights=need_weights)[0]
        assert torch.equal(heads(x, need_weights=need_weights)[0], expected)
        assert (heads.train()(x, need_weights=need_weights)[0] - expected).abs().max() > 1e-3


# Laws of the whole


@each_form
@given(lengths=st.tuples(st.integers(1, 8), st.integers(1, 8)))
@few
def test_logits_do_not_depend_on_later_tokens(form: str, lengths: tuple[int, int]) -> None:
    model, (kept, changed) = decoder(form), lengths
    before = random_tokens(2, kept + changed)
    after = torch.cat((before[:, :kept], random_tokens(2, changed, seed=1)), dim=1)
    assert_close(model(before)[:, :kept], model(after)[:, :kept], **close)
    assert_close(model(before), model(before, mask=causal_mask(kept + changed, kept + changed)), **close)


@each_form
def test_logits_depend_on_each_earlier_token(form: str) -> None:
    model, tokens = decoder(form), random_tokens(1, 6)
    last = model(tokens)[:, -1]
    for place in range(6):
        other = tokens.clone()
        other[0, place] = (other[0, place] + 1) % SIZES.vocab_size
        assert (model(other)[:, -1] - last).abs().max() > 1e-4


def padded(lengths: Sequence[int], *, left: bool = False) -> tuple[Tensor, list[Tensor]]:
    """Return a batch with random tokens where a sequence has none, and the sequences."""
    batch = random_tokens(len(lengths), max(lengths))
    return batch, [row[max(lengths) - n :] if left else row[:n] for row, n in zip(batch, lengths, strict=True)]


@each_form
@given(lengths=LENGTHS)
@few
def test_padding_changes_nothing_in_an_encoder(form: str, lengths: list[int]) -> None:
    model, (batch, rows) = encoder(form), padded(lengths)
    together = model(batch, padding_mask(lengths, max(lengths)))
    for row, found in zip(rows, together, strict=True):
        assert_close(found[: len(row)], model(row[None])[0], **close)


@each_form
@given(lengths=LENGTHS)
@few
def test_padding_on_the_left_changes_nothing_in_a_decoder(form: str, lengths: list[int]) -> None:
    model, (batch, rows), longest = decoder(form), padded(lengths, left=True), max(lengths)
    place = torch.arange(longest) - torch.tensor([longest - n for n in lengths])[:, None]
    mask = causal_mask(longest, longest) & (place >= 0)[:, None, None]
    together = model(batch, mask=mask, positions=place.clamp(min=0)[:, None])
    assert together.isfinite().all()
    for row, found in zip(rows, together, strict=True):
        assert_close(found[-len(row) :], model(row[None])[0], **close)


@each_form
@given(lengths=LENGTHS)
@few
def test_packed_sequences_give_what_each_gives_alone(form: str, lengths: list[int]) -> None:
    rows = [random_tokens(length, seed=seed) for seed, length in enumerate(lengths)]
    encodes, decodes = encoder(form), decoder(form)
    positions = torch.cat([torch.arange(length) for length in lengths])
    logits = decodes(torch.cat(rows)[None], mask=Packed(tuple(lengths), causal=True), positions=positions)[0]
    hidden = encodes.hidden([row.tolist() for row in rows])
    for row, found, (start, end) in zip(rows, hidden, starts(lengths), strict=True):
        assert_close(found, encodes(row[None])[0], **close)
        assert_close(logits[start:end], decodes(row[None])[0], **close)


@each_form
@given(chunks=st.lists(st.integers(1, 6), min_size=1, max_size=4), batch=st.integers(1, 2), capacity=st.integers(1, 30))
@few
def test_steps_with_a_cache_equal_a_full_pass(form: str, chunks: list[int], batch: int, capacity: int) -> None:
    model, tokens = decoder(form), random_tokens(batch, sum(chunks))
    cache = model.new_cache(batch, capacity)
    steps = [model(tokens[:, start:end], cache) for start, end in starts(chunks)]
    assert cache.length == sum(chunks)
    assert_close(torch.cat(steps, dim=1), model(tokens), **close)


@each_form
@given(length=st.integers(1, 10), kept=st.integers(0, 10), more=st.integers(1, 10))
@few
def test_a_cropped_cache_holds_the_first_positions_alone(form: str, length: int, kept: int, more: int) -> None:
    model, kept = decoder(form), min(kept, length)
    first, second = random_tokens(2, length), random_tokens(2, more, seed=1)
    cache = model.new_cache(2, capacity=4)
    model(first, cache)
    cache.crop(kept)
    assert_close(model(second, cache), model(torch.cat((first[:, :kept], second), dim=1))[:, kept:], **close)


def test_a_cache_is_of_the_dtype_of_its_model() -> None:
    model, tokens = decoder("llama").bfloat16(), random_tokens(1, 5)
    cache = model.new_cache()
    steps = torch.cat([model(tokens[:, :4], cache), model(tokens[:, 4:], cache)], dim=1)
    assert steps.dtype == torch.bfloat16
    assert_close(steps, model(tokens), atol=0.05, rtol=0.05)


@each_form
def test_recorded_weights_sum_to_one_and_change_nothing(form: str) -> None:
    tokens, mask, seen = random_tokens(2, 6), padding_mask([6, 4], 6), list[Tensor]()
    encodes, decodes = encoder(form), decoder(form)
    assert_close(encodes(tokens, mask, weights=seen), encodes(tokens, mask), **close)
    assert [each.shape for each in seen] == [(2, 4, 6, 6)] * 2
    assert all(each[1, ..., 4:].abs().max() == 0 for each in seen)
    read, then, cache = list[Tensor](), list[Tensor](), decodes.new_cache(2)
    steps = [decodes(tokens[:, :4], cache, weights=read), decodes(tokens[:, 4:], cache, weights=then)]
    assert_close(torch.cat(steps, dim=1), decodes(tokens), **close)
    assert all(each.triu(1).abs().max() == 0 for each in read)
    assert [each.shape for each in then] == [(2, 4, 2, 6)] * 2
    for each in chain(seen, read, then):
        assert_close(each.sum(dim=-1), torch.ones(each.shape[:-1]), **close)


@each_form
def test_keep_gives_the_last_logits(form: str) -> None:
    model, tokens = decoder(form), random_tokens(2, 6)
    for keep in (1, 3, 6):
        assert_close(model(tokens, logits_to_keep=keep), model(tokens)[:, -keep:], **close)
    assert model(tokens, logits_to_keep=1).shape == (2, 1, SIZES.vocab_size)


def test_tied_output_weights_are_the_embeddings() -> None:
    hidden = random(2, 3, 16)
    tied, apart = decoder("gpt"), decoder("llama")
    assert_close(tied.logits(hidden), hidden @ tied.tokens.weight.T, **close)
    assert apart.head is not None
    assert_close(apart.logits(hidden), hidden @ apart.head.weight.T, **close)


@each_form
def test_a_decoder_learns_a_sequence_by_heart(form: str) -> None:
    torch.manual_seed(0)
    model, tokens = Decoder(FORMS[form]).train(), random_tokens(1, 12)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = cross_entropy(model(tokens)[0, :-1], tokens[0, 1:])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.equal(model.eval()(tokens)[0, :-1].argmax(dim=-1), tokens[0, 1:])


# Errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(SIZES, num_layers=0), "num_layers is 0; it must be at least 1"),
        (lambda: replace(SIZES, vocab_size=-1), "vocab_size is -1; it must be at least 1"),
        (lambda: replace(SIZES, dropout=1.0), "dropout is 1.0; it must be at least 0 and less than 1"),
        (lambda: replace(SIZES, dropout=-0.1), "dropout is -0.1; it must be at least 0 and less than 1"),
        (lambda: MultiHeadAttention(8, 3), "num_heads 3 does not divide d_model 8; give head_dim"),
        (lambda: MultiHeadAttention(9, 3, 2), "num_kv_heads 2 does not divide num_heads 3"),
        (lambda: replace(SIZES, distance_buckets=6), "distance_buckets is 6; it must be a multiple of 4, or 0"),
        (
            lambda: Decoder(replace(SIZES, distance_buckets=8)),
            "distance_buckets are for encoders: a cache does not count the positions of its biases",
        ),
        (lambda: Decoder(replace(SIZES, num_kv_heads=3)), "num_kv_heads 3 does not divide num_heads 4"),
        (lambda: FeedForward(4, 4, activation="tanh"), "activation is 'tanh'; it must be one of relu, gelu, silu"),
        (lambda: Rotary(5), "head_dim is 5; rotary positions need an even one"),
        (lambda: Decoder(replace(SIZES, head_dim=3)), "head_dim is 3; rotary positions need an even one"),
        (
            lambda: replace(SIZES, num_heads=3, num_kv_heads=0, head_dim=0),
            "num_heads 3 does not divide d_model 16; give head_dim",
        ),
        (lambda: replace(SIZES, num_kv_heads=-1), "num_kv_heads and head_dim must not be negative"),
        (lambda: replace(SIZES, **WRONG["norm"]), "norm is 'x'; it must be one of layer, rms"),
        (
            lambda: replace(SIZES, **WRONG["positions"]),
            "positions is 'x'; it must be one of sinusoidal, learned, rotary",
        ),
        (lambda: Sinusoidal(5), "d_model is 5; sinusoidal positions need an even one"),
    ],
)
def test_sizes_and_choices_that_do_not_fit_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_more_positions_than_there_are_are_refused() -> None:
    long = replace(SIZES, max_length=1000)
    encodes, decodes = Encoder(long), Decoder(long)
    message = "^1,001 positions; the model has 1,000$"
    for read in (encodes, decodes):
        with pytest.raises(ValueError, match=message):
            read(random_tokens(1, 1001))
    with pytest.raises(ValueError, match=message):
        encodes.hidden([[1], [1] * 1001])
    cache = decodes.new_cache()
    decodes(random_tokens(1, 2), cache)
    with pytest.raises(ValueError, match=message):
        decodes(random_tokens(1, 999), cache)
    assert cache.length == 2


def test_packed_lengths_that_are_not_those_of_the_row_are_refused() -> None:
    x = torch.randn(1, 2, 5, 4)
    for lengths in ((3,), (3, 3)):
        with pytest.raises(ValueError, match=f"^packed lengths add up to {sum(lengths)}; the row has 5 positions$"):
            attend(x, x, x, Packed(lengths))


@given(lengths=st.lists(st.integers(1, 6), min_size=2, max_size=4), data=st.data())
@few
def test_sequences_in_one_cache_go_on_as_they_do_alone(lengths: list[int], data: st.DataObject) -> None:
    model, longest = decoder("llama"), max(lengths)
    rows = [random_tokens(1, length, seed=seed) for seed, length in enumerate(lengths)]
    cache = model.new_cache(len(rows), capacity=longest)
    cache.length = longest
    for number, row in enumerate(rows):
        alone = model.new_cache()
        model(row, alone)
        cache.put(number, alone)
    kept = data.draw(st.permutations(range(len(rows))))[: data.draw(st.integers(1, len(rows)))]
    cache.select(kept)
    new = random_tokens(len(kept), 1, seed=9)
    starts = tuple(longest - lengths[number] for number in kept)
    positions = torch.tensor([[[lengths[number]]] for number in kept])
    found = model(new, cache, mask=StepwiseCausalMask(starts), positions=positions)
    for n, number in enumerate(kept):
        assert_close(found[n], model(torch.cat((rows[number], new[n : n + 1]), dim=1))[0, -1:], **close)


def test_a_cache_of_another_batch_is_refused() -> None:
    model = decoder("llama")
    with pytest.raises(ValueError, match="a batch of 1 sequences; the cache has room for 2"):
        model(random_tokens(1, 3), model.new_cache(batch=2))


def test_no_sequences_and_empty_ones_give_no_hidden_states() -> None:
    model = Encoder(SIZES)
    assert model.hidden([]) == ()
    assert [tuple(one.shape) for one in model.hidden([[], [1, 2], []])] == [
        (0, SIZES.d_model),
        (2, SIZES.d_model),
        (0, SIZES.d_model),
    ]
    assert tuple(model.hidden([[]])[0].shape) == (0, SIZES.d_model)


@pytest.mark.parametrize("length", [-1, 4])
def test_a_cache_cannot_be_cropped_beyond_what_it_holds(length: int) -> None:
    model = decoder("llama")
    cache = model.new_cache()
    model(random_tokens(1, 3), cache)
    with pytest.raises(ValueError, match=f"^the cache holds 3 positions; it cannot be cropped to {length}$"):
        cache.crop(length)
    assert cache.length == 3


# oneDNN


@each_form
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("length", [1, 5, 24])
def test_the_layers_of_onednn_compute_what_the_plain_ones_do(form: str, dtype: torch.dtype, length: int) -> None:
    tokens, within = random_tokens(2, length), 1e-5 if dtype == torch.float32 else 0.1
    models: tuple[Encoder | Decoder, ...] = encoder(form).to(dtype), decoder(form).to(dtype)
    for model in models:
        expected = model(tokens)
        use_onednn(model)
        assert_close(model(tokens), expected, atol=within, rtol=within)
        left = [type(module).__name__ for module in model.modules() if isinstance(module, nn.Linear | FeedForward)]
        assert left == [] if onednn.available(dtype, model.device) else left


@pytest.mark.skipif(not onednn.available(torch.float32, torch.device("cpu")), reason="no oneDNN here")
def test_rows_that_are_read_together_do_not_change_one_another_in_onednn() -> None:
    layer = onednn.OneDNNLinear(torch.randn(96, 64), torch.randn(96), "gelu")
    rows, factor = torch.randn(1, 300, 64), torch.randn(1, 300, 96)
    whole, scaled = layer(rows), layer(rows, factor)
    for n in (1, 16, 17, 33, 130, 299):
        assert torch.equal(layer(rows[:, :n]), whole[:, :n])
        assert torch.equal(layer(rows[:, :n], factor[:, :n]), scaled[:, :n])


def test_a_table_of_tokens_takes_half_of_the_memory_where_that_changes_no_value() -> None:
    model = decoder("llama")
    model.tokens.weight.data = model.tokens.weight.data.bfloat16().float()
    expected = model(random_tokens(1, 4))
    use_onednn(model)
    assert (model.tokens.weight.dtype, model.dtype) == (
        torch.bfloat16 if onednn.available(torch.float32, model.device) else torch.float32,
        torch.float32,
    )
    assert_close(model(random_tokens(1, 4)), expected, **close)


def test_output_weights_of_their_own_leave_the_embeddings_as_they_are() -> None:
    model = decoder("gpt")
    kept, expected = model.tokens.weight.clone(), model(random_tokens(1, 4))
    use_onednn(model)
    assert torch.equal(model.tokens.weight, kept)
    assert_close(model(random_tokens(1, 4)), expected, **close)


def test_layers_stay_plain_where_onednn_does_not_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not onednn.available(torch.float64, torch.device("cpu"))
    assert not onednn.available(torch.float32, torch.device("meta"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "aarch64"})
    model = decoder("llama")
    before = [type(module) for module in model.modules()]
    use_onednn(model)
    assert [type(module) for module in model.modules()] == before
