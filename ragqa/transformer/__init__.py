"""The transformer: the model itself, in parts that can be read separately. It uses tokens and weights; only `bpe` uses
text.

    bpe.py           text -> tokens: byte-pair encoding, learned and applied
    config.py        the sizes and options of a transformer
    masks.py         attention masks: padding, causal, packed, stepwise
    attention.py     scaled dot-product attention, and multi-head attention
    positions.py     the position of a token: sinusoidal, learned, rotary, biases for distances
    feed_forward.py  two layers, applied to each position separately: ReLU, GELU, SwiGLU
    norms.py         LayerNorm and RMSNorm
    block.py         attention, then feed-forward, each with a residual connection
    stack.py         token ids -> embeddings -> blocks
    encoder.py       every position attends to all positions: hidden states (BERT)
    decoder.py       every position attends to earlier ones: logits of the next token (GPT, Llama, Qwen)
    cache.py         the keys and values of the tokens that a decoder has read
    onednn.py        the same layers with weights in the processor's layout, used by embed and generate
    families.py      the differences between checkpoints of BERT, MPNet, Llama and Qwen2, and the supported ones
    weights.py       a checkpoint's tensors -> encoder or decoder

Shapes are [batch, length, d_model] throughout; with heads, [batch, heads, length, head_dim].

A part is imported at its first use. So `families.py` can read the config of a checkpoint without torch.
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
"""The parts without torch are first."""


def __getattr__(name: str) -> Any:
    """Import the part with this name at its first use."""
    if name in __all__:
        for part in _PARTS:
            module = import_module(f"{__name__}.{part}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
