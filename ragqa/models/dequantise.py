"""A GGUF file -> safetensors for transformers, made once: loading then takes 0.2 s instead of 18 s (135M model)."""

from __future__ import annotations

import shutil
from pathlib import Path

from ragqa.errors import ModelError
from ragqa.models.gguf_header import read_header
from ragqa.models.store import Progress, cache_dir, damage, lock, partial_dir, publish, remembered_sha256, require_space

# From 4.5 bits a weight, the smallest in common use, to 16.
GROWTH = 4


def dequantised_dir(sha256: str) -> Path:
    """Return where the safetensors of a GGUF file with this SHA-256 lie."""
    return cache_dir() / "dequantised" / sha256


def dequantised(gguf: Path, name: str, progress: Progress) -> Path:
    """Return a folder with the dequantised model of a GGUF file, and make it in the cache where it is not there yet.

    :raises ModelError: the file is not GGUF, or of an architecture that transformers cannot read.
    :raises ResourceError: the disk is too full.
    """
    read_header(gguf)
    folder = dequantised_dir(remembered_sha256(gguf))
    if damage(folder) is None:
        return folder
    with lock(folder.name, progress):
        if damage(folder) is None:
            return folder
        require_space(GROWTH * gguf.stat().st_size, f"dequantising {name}")
        progress(f"{name}: dequantising {gguf.name} to safetensors, once: about a minute for each GB")
        work = partial_dir(folder.name)
        shutil.rmtree(work, ignore_errors=True)
        write_safetensors(gguf, work)
        publish(work, folder)
    return folder


def write_safetensors(gguf: Path, folder: Path) -> None:
    """Write the model of a GGUF file to `folder`: bfloat16 safetensors, config, and tokenizer with its chat template.

    :raises ModelError: transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            local_files_only=True,
            trust_remote_code=False,
        )
    except (ValueError, KeyError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"transformers cannot read {gguf}: {reason}; generate.kind llama_cpp may") from error
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
