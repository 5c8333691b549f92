"""Checkpoints in the format of transformers -> encoder or decoder: tensors are read, renamed and joined."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import ModelError
from ragqa.transformer.decoder import Decoder
from ragqa.transformer.encoder import Encoder
from ragqa.transformer.families import FAMILIES, Family, as_llama, families_of, read_config, reads, weight_files

Weights = dict[str, Tensor]
Model = TypeVar("Model", Encoder, Decoder)


class _Uninitialised(TorchFunctionMode):
    """Leaves out the functions of `torch.nn.init`. On `meta` they have no effect, and load torch's compiler: a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def load_encoder(folder: AnyPath, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Encoder:
    """Read the encoder of a folder: `config.json` and `model.safetensors` or its parts.

    :raises ModelError: the folder holds none that `reads` knows, or weights are missing or left over.
    """
    return _load(arguments.path(folder, "folder"), Encoder, dtype, device)


def load_decoder(folder: AnyPath, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Decoder:
    """Read the decoder of a folder: `config.json` and `model.safetensors` or its parts.

    :raises ModelError: the folder holds none that `reads` knows, or weights are missing or left over.
    """
    return _load(arguments.path(folder, "folder"), Decoder, dtype, device)


def save_decoder(model: Decoder, folder: AnyPath) -> None:
    """Write `config.json` and `model.safetensors` in Llama's format, which `load_decoder` and transformers read.

    :raises ValueError: the decoder does not have the form of a Llama.
    """
    config = model.config
    if (config.activation, config.gated, config.norm, config.positions) != ("silu", True, "rms", "rotary") or (
        config.qkv_bias or config.bias or not config.pre_norm
    ):
        raise ValueError("only decoders of Llama's form can be saved: pre-norm, RMSNorm, SwiGLU, rotary, no biases")
    # Split the joined matrices: query, key and value differ in size, gate and up have the same size.
    sizes = [heads * config.head_dim for heads in (config.num_heads, config.num_kv_heads, config.num_kv_heads)]
    theirs: Weights = {}
    for name, tensor in model.state_dict().items():
        sources = _sources(name, FAMILIES["llama"])
        parts = tensor.split(sizes) if len(sources) == len(sizes) else tensor.chunk(len(sources))
        theirs |= {source: part.contiguous() for source, part in zip(sources, parts, strict=True)}
    folder = arguments.path(folder, "folder")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(theirs, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(as_llama(config), indent=2) + "\n", encoding="utf-8")


def _load(folder: Path, kind: type[Model], dtype: torch.dtype, device: str) -> Model:
    """Read the model of a folder. The message of an error names the fault, and another engine that may work."""
    # 1. Read the config, and find the family.
    if not reads(folder, kind.kind):
        known = families_of(kind.kind)
        raise ModelError(f"{folder} holds no {kind.kind} that is known here ({known}): use transformers")
    config = read_config(folder)
    family = FAMILIES[config["model_type"]]
    # 2. Make the model without weights: on the device `meta` its tensors take no memory, and no values are drawn.
    try:
        with torch.device("meta"), _Uninitialised():
            model = kind(family.config(config))
    except (KeyError, ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise ModelError(f"{folder / 'config.json'}: {error.args[0]} is missing or wrong") from error
    # 3. Read the checkpoint, and join its tensors into those of the model.
    try:
        theirs = family.prepare(_read(folder, dtype, device))
        ours = {name: _joined(name, family, theirs) for name in model.state_dict()}
    except KeyError as error:
        raise ModelError(f"{folder} has no weight {error.args[0]}; engine transformers may do without") from error
    # 4. Compare: every weight is used, and each has the shape that config.json gives.
    if left := sorted(name for name in theirs if not re.search(family.unused, name)):
        raise ModelError(
            f"{folder} holds weights that nothing here reads: {', '.join(left[:3])}; engine transformers may"
        )
    for name, expected in model.state_dict().items():
        if ours[name].shape != expected.shape:
            shapes = f"{list(ours[name].shape)} instead of {list(expected.shape)}"
            raise ModelError(f"{folder}: {', '.join(_sources(name, family))} has the shape {shapes} of config.json")
    # 5. Replace the tensors on `meta` by those that were read, without a copy.
    model.load_state_dict(ours, assign=True)
    return model.eval().requires_grad_(False)


def _joined(name: str, family: Family, theirs: Weights) -> Tensor:
    """Return one weight of the model, joined from weights of the checkpoint, which are removed from `theirs`."""
    parts = [theirs.pop(source) for source in _sources(name, family)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _read(folder: Path, dtype: torch.dtype, device: str) -> Weights:
    """Return all weights of a folder."""
    weights: Weights = {}
    for file in weight_files(folder):
        try:
            weights |= {name: tensor.to(dtype) for name, tensor in load_file(file, device).items()}
        except SafetensorError as error:
            raise ModelError(f"{file} is damaged ({error}): pull or save the model again") from error
    return weights


def _sources(name: str, family: Family) -> list[str]:
    """Return the names of the checkpoint's weights that are joined into one weight of the model."""
    part, suffix = name.rsplit(".", 1)
    number = next(iter(re.findall(r"\d+", part)), "")
    return [f"{source.format(number)}.{suffix}" for source in family.names[re.sub(r"\d+", "{}", part)]]
