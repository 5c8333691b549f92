"""The transformer: the model itself, in parts that can each be read alone. Knows tokens and weights; text only in `bpe`.

    bpe.py           text -> tokens: byte-pair encoding, learned and applied
    config.py        the sizes and choices that make one transformer differ from another
    masks.py         which position may see which: padding, causal, packed, one by one
    attention.py     scaled dot-product attention, and many heads of it at once
    positions.py     where a token stands: sinusoidal, learned, rotary
    feed_forward.py  what each position computes by itself: ReLU, GELU, SwiGLU
    norms.py         LayerNorm and RMSNorm
    block.py         attention, then feed-forward, each added to what came in
    stack.py         token ids -> embeddings -> blocks
    encoder.py       every position sees all: hidden states (BERT)
    decoder.py       every position sees those before it: logits of the next token (GPT, Llama, Qwen)
    cache.py         the keys and values of what a decoder has read
    weights.py       checkpoints of the families BERT, Llama and Qwen2 -> encoder or decoder

Shapes are [batch, length, d_model] throughout; heads stand at [batch, heads, length, head_dim].
"""

from ragqa.transformer.attention import MultiHeadAttention, attend, attention
from ragqa.transformer.block import TransformerBlock
from ragqa.transformer.bpe import BPE
from ragqa.transformer.cache import KVCache
from ragqa.transformer.config import TransformerConfig
from ragqa.transformer.decoder import Decoder
from ragqa.transformer.encoder import Encoder
from ragqa.transformer.feed_forward import FeedForward
from ragqa.transformer.masks import OneByOne, Packed, causal_mask, padding_mask
from ragqa.transformer.norms import LayerNorm, RMSNorm
from ragqa.transformer.positions import Learned, Rotary, Sinusoidal, rotate
from ragqa.transformer.weights import choose_engine, load_decoder, load_encoder, reads, save_decoder

__all__ = [
    "BPE",
    "Decoder",
    "Encoder",
    "FeedForward",
    "KVCache",
    "LayerNorm",
    "Learned",
    "MultiHeadAttention",
    "OneByOne",
    "Packed",
    "RMSNorm",
    "Rotary",
    "Sinusoidal",
    "TransformerBlock",
    "TransformerConfig",
    "attend",
    "attention",
    "causal_mask",
    "choose_engine",
    "load_decoder",
    "load_encoder",
    "padding_mask",
    "reads",
    "rotate",
    "save_decoder",
]
