"""A GGUF file -> safetensors for transformers, made once. Loading then takes 0.2 s instead of 18 s (135M model)."""

from __future__ import annotations

from pathlib import Path

from ragqa.errors import ModelError
from ragqa.models import manifest
from ragqa.models.cache import Progress, dequantised_dir, lock, partial_dir, remove_tree, require_space
from ragqa.models.gguf_header import read_header
from ragqa.models.memo import remembered_sha256
from ragqa.models.pretrained import load_pretrained
from ragqa.points import reached

# The growth from 4.5 bits for each weight, the smallest in common use, to 16.
GROWTH = 4


def dequantised(gguf: Path, name: str, progress: Progress) -> Path:
    """Return a folder with the dequantised model of a GGUF file. It is made in the cache if it does not exist.

    :raises ModelError: the file is not GGUF, or has an architecture that transformers cannot read.
    :raises ResourceError: the disk is too full, or the cache cannot be written.
    """
    read_header(gguf)
    folder = dequantised_dir(remembered_sha256(gguf))
    if manifest.altered(folder, {}) is None:
        return folder
    with lock(folder.name, progress):
        if manifest.altered(folder, {}) is None:
            return folder
        require_space(GROWTH * gguf.stat().st_size, f"dequantising {name}")
        progress(f"{name}: dequantising {gguf.name} to safetensors, once: about a minute for each GB")
        work = partial_dir(folder.name)
        remove_tree(work)
        write_safetensors(gguf, work)
        manifest.publish(work, folder)
    return folder


def write_safetensors(gguf: Path, folder: Path) -> None:
    """Write the model of a GGUF file to `folder`: bfloat16 safetensors, config, and tokenizer with its chat template.

    :raises ModelError: transformers cannot read the file.
    """
    import torch
    from transformers import GgufConfig

    try:
        tokenizer = load_pretrained("AutoTokenizer", gguf.parent, gguf_file=gguf.name)
        model = load_pretrained(
            "AutoModelForCausalLM",
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
    except ModelError as error:
        raise ModelError(f"{error}; generate.kind llama_cpp may read {gguf.name}") from error
    tokenizer.save_pretrained(folder)
    reached("tokenizer converted")
    model.save_pretrained(folder)
    reached("weights converted")
