"""The transformer: the model itself, in parts that can each be read alone. Knows tokens and weights; text only in `bpe`.

    bpe.py           text -> tokens: byte-pair encoding, learned and applied
    config.py        the sizes and choices that make one transformer differ from another
    masks.py         which position may see which: padding, causal, packed, stepwise
    attention.py     scaled dot-product attention, and many heads of it at once
    positions.py     the position of a token: sinusoidal, learned, rotary
    feed_forward.py  two layers that each position computes by itself: ReLU, GELU, SwiGLU
    norms.py         LayerNorm and RMSNorm
    block.py         attention, then feed-forward, each added to what came in
    stack.py         token ids -> embeddings -> blocks
    encoder.py       every position sees all: hidden states (BERT)
    decoder.py       every position sees those before it: logits of the next token (GPT, Llama, Qwen)
    cache.py         the keys and values of the tokens that a decoder has read
    onednn.py        the same layers with weights laid out for the processor, which embed and generate use
    families.py      the differences between checkpoints of BERT, Llama and Qwen2, and which are computed here
    weights.py       a checkpoint's tensors -> encoder or decoder

Shapes are [batch, length, d_model] throughout; with heads, [batch, heads, length, head_dim].

A part is imported when it is first asked for: `families.py` tells what a checkpoint is without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.transformer.attention import MultiHeadAttention, attend
    from ragqa.transformer.block import TransformerBlock
    from ragqa.transformer.bpe import BPE
    from ragqa.transformer.cache import KVCache
    from ragqa.transformer.config import TransformerConfig
    from ragqa.transformer.decoder import Decoder
    from ragqa.transformer.encoder import Encoder
    from ragqa.transformer.families import choose_engine, reads
    from ragqa.transformer.feed_forward import FeedForward
    from ragqa.transformer.masks import Packed, StepwiseCausalMask, causal_mask, padding_mask
    from ragqa.transformer.norms import LayerNorm, RMSNorm
    from ragqa.transformer.onednn import use_onednn
    from ragqa.transformer.positions import Learned, Rotary, Sinusoidal, rotate
    from ragqa.transformer.weights import load_decoder, load_encoder, save_decoder

__all__ = [
    "BPE",
    "Decoder",
    "Encoder",
    "FeedForward",
    "KVCache",
    "LayerNorm",
    "Learned",
    "MultiHeadAttention",
    "Packed",
    "RMSNorm",
    "Rotary",
    "Sinusoidal",
    "StepwiseCausalMask",
    "TransformerBlock",
    "TransformerConfig",
    "attend",
    "causal_mask",
    "choose_engine",
    "load_decoder",
    "load_encoder",
    "padding_mask",
    "reads",
    "rotate",
    "save_decoder",
    "use_onednn",
]

_PARTS = (
    "bpe", "config", "families", "attention", "block", "cache", "decoder", "encoder", "feed_forward", "masks", "norms",
    "onednn", "positions", "weights",
)  # fmt: skip
"""Those without torch come first."""


def __getattr__(name: str) -> Any:
    """Import the part that has a name when it is first asked for."""
    if name in __all__:
        for part in _PARTS:
            module = import_module(f"{__name__}.{part}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
