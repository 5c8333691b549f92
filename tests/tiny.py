"""A tiny Llama with random weights whose tokens are bytes: a real model for tests of computations with a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def save_tiny_llama(folder: Path, window: int = 256) -> Path:
    """Save the model and its tokenizer; return the folder. Token 256 ends a text: `<|im_end|>`."""
    tokenizer = Tokenizer(BPE({letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")  # type: ignore[no-untyped-call]
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=window,
        eos_token_id=256,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def save_tiny_bert(folder: Path, window: int = 128) -> Path:
    """Save an encoder of random weights and its tokenizer, whose tokens are bytes; return the folder."""
    tokenizer = Tokenizer(BPE({letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config: Any = BertConfig(vocab_size=256, max_position_embeddings=window, initializer_range=0.5, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


def save_modules(
    folder: Path, pooling: Literal["mean", "lasttoken"] = "mean", dense: int = 0, prompts: dict[str, str] | None = None
) -> Path:
    """Make the encoder in a folder one of sentence-transformers; return the folder.

    :param dense: the dimensions after a Dense module; 0 for none.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    encoder = Transformer(str(folder), max_seq_length=100)
    encoder.tokenizer.pad_token = sorted(ByteLevel.alphabet())[-1]
    dim = encoder.get_embedding_dimension()
    torch.manual_seed(1)
    layers = [Dense(dim, dense)] if dense else []
    model = SentenceTransformer(
        modules=[encoder, Pooling(dim, pooling), *layers, Normalize()], prompts=prompts, device="cpu"
    )
    model.save(str(folder), create_model_card=False)
    return folder
