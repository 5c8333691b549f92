"""A model's name -> its card and its local folder. Nothing here uses the network.

A name is a built-in name, a folder, a `.gguf` file, or a hub id `owner/name` that the hub's own cache holds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa.errors import ModelError, RefusedError, UsageError
from ragqa.files import read_regular
from ragqa.messages import nearest
from ragqa.models import manifest, sanity
from ragqa.models.cache import Progress, dequantised_dir, model_dir
from ragqa.models.gguf_header import read_header
from ragqa.models.manifest import fault
from ragqa.models.memo import remembered_sha256
from ragqa.models.table import BUILTIN, GGUF_NAME, Builtin, ModelKind

_LOG = logging.getLogger("ragqa.models")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_POSITIONS = ("max_position_embeddings", "n_positions", "max_sequence_length")
# Position numbers of these start after the padding id, so that two of the positions hold no token.
_OFFSET_BY_TWO = ("roberta", "xlm-roberta", "camembert", "mpnet")


@dataclass(frozen=True, slots=True)
class Card:
    """The facts about a model that need no loading of its weights.

    `window` is in tokens, special tokens included; None if the config does not give it. `size` is that of the weights
    in bytes; 0 for a hub id that is not in the hub's cache. `kind` is None, and `license` is empty, if they are
    unknown.
    """

    name: str
    kind: ModelKind | None
    window: int | None
    installed: bool
    size: int
    license: str


def card(name: str, revision: str | None = None) -> Card:
    """Return the card of a model, within milliseconds and without loading any library of models.

    A hub id that is not in the hub's cache gives a card with `installed` false and no window.

    :raises ModelError: the name is unknown (the message gives the nearest built-in name), or a folder has no model.
    :raises RefusedError: the folder has only pickle weights.
    """
    if name in BUILTIN:
        model = BUILTIN[name]
        return Card(name, model.kind, model.window, fault(model) is None, model.size, model.license)
    path = _local(name, revision)
    if path is None:
        return Card(name, None, None, False, 0, "")
    if not _has_safetensors(path):
        gguf = _one_gguf(path)
        return Card(name, "generator", _gguf_window(gguf), True, gguf.stat().st_size, "")
    sanity.refuse_unlikely(path, read_json(path / "config.json"))
    size = sum(weights.stat().st_size for weights in path.glob("*.safetensors"))
    return Card(name, _kind(path), window(path), True, size, "")


def resolve(name: str, revision: str | None = None, *, progress: Progress = _LOG.warning) -> Path:
    """Return the local folder of a model, for transformers and sentence-transformers to load. Never downloads.

    A GGUF model without safetensors is dequantised into the cache once. This takes some seconds and is reported by
    `progress`.

    The files of a model in the cache are compared with its manifest.

    :raises ModelError: the model is missing or damaged, or its name is unknown; the message gives the command to run.
    :raises RefusedError: the folder has only pickle weights, or a tokenizer that takes too long.
    """
    folder = _folder(name, revision)
    if name in BUILTIN:
        _refuse_altered(BUILTIN[name])
    if _has_safetensors(folder):
        if name not in BUILTIN:
            _refuse_unsound(folder)
        return folder
    from ragqa.models.dequantise import dequantised

    return dequantised(gguf_path(name, revision), name, progress)


def resolved(name: str, revision: str | None = None) -> Path | None:
    """Return the folder that `resolve` returns; None if it would have to dequantise a GGUF file first.

    A GGUF file is hashed if there is no memo of its hash.

    :raises ModelError: the model is missing, or its name is unknown.
    :raises RefusedError: the folder has only pickle weights.
    """
    folder = _folder(name, revision)
    if _has_safetensors(folder):
        return folder
    made = dequantised_dir(remembered_sha256(_one_gguf(folder)))
    return made if manifest.missing(made, {}) is None else None


def gguf_path(name: str, revision: str | None = None) -> Path:
    """Return a model's GGUF file: a built-in's original, a `.gguf` file itself, or the only one of a folder.

    :raises ModelError: the model is missing, its name is unknown, or it has no GGUF file or several.
    """
    if name in BUILTIN and BUILTIN[name].weights != GGUF_NAME:
        have = [model.name for model in BUILTIN.values() if model.weights == GGUF_NAME]
        raise ModelError(f"model {name} has no GGUF file: built-in models that have one: {', '.join(have)}")
    path = _one_gguf(_folder(name, revision))
    if name in BUILTIN:
        _refuse_altered(BUILTIN[name])
    else:
        sanity.refuse_unsound_gguf(path)
    return path


def window(folder: Path) -> int | None:
    """Return the longest input in tokens, special tokens included; None if the config does not give it.

    It is the smaller of the config's positions and, for an encoder, sentence-transformers' own `max_seq_length`.
    """
    file = folder / "config.json"
    config = read_json(file)
    config = config.get("text_config", config)
    if not isinstance(config, dict):
        raise ModelError(f"{file}: text_config must be an object")
    positions = next((config[key] for key in _POSITIONS if isinstance(config.get(key), int)), None)
    if positions and config.get("model_type") in _OFFSET_BY_TWO:
        positions -= 2
    limit = whole_number(folder / "sentence_bert_config.json", "max_seq_length")
    known = [value for value in (positions, limit) if value]
    return min(known, default=None)


def whole_number(file: Path, key: str) -> int | None:
    """Return a whole number of a JSON file; None if the file does not have the key.

    :raises ModelError: the value is not a whole number, or the file is not a JSON object.
    """
    value = read_json(file).get(key)
    if value is not None and (type(value) is not int or value < 0):
        raise ModelError(f"{file}: {key} must be a whole number, 0 or more")
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; empty if there is no such file.

    :raises ModelError: the file is not a JSON object.
    """
    try:
        data = json.loads(read_regular(path, sanity.JSON_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}): pull or save the model again") from error
    if not isinstance(data, dict):
        raise ModelError(f"{path}: got {type(data).__name__}; must be a JSON object")
    return data


def weights_sha256(folder: Path) -> str:
    """Return one SHA-256 over a folder's weights files.

    :raises ModelError: the folder has no weights in a supported format.
    """
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.gguf"))
    if not files:
        raise ModelError(f"no *.safetensors or *.gguf in {folder}: only these formats are loaded")
    return hashlib.sha256("".join(map(remembered_sha256, files)).encode()).hexdigest()


def unknown(name: str) -> ModelError:
    """Return the error for a name that is neither built-in, nor a path that exists, nor a hub id."""
    near = nearest(name.lower(), _spellings(), cutoff=0.7)
    hint = f": did you mean {_spellings()[near]}?" if near else ":"
    kinds = "or a folder, a .gguf file, or a hub id owner/name"
    return ModelError(f"unknown model {name!r}{hint} built-in: {', '.join(BUILTIN)}; {kinds}")


def missing(model: Builtin, reason: str) -> ModelError:
    """Return the error for a built-in model that is not in the cache, or is damaged there."""
    return ModelError(f"model {model.name} {reason} ({model.size / 1e6:,.0f} MB): run `ragqa models pull {model.name}`")


def _folder(name: str, revision: str | None) -> Path:
    if name in BUILTIN:
        if revision:
            raise UsageError(f"revision {revision!r}: {name} is a built-in model; only hub ids have revisions")
        if reason := fault(BUILTIN[name]):
            raise missing(BUILTIN[name], reason)
        return model_dir(name)
    path = _local(name, revision)
    if path is None:
        at = f" --revision {revision}" if revision else ""
        raise ModelError(f"model {name} is not here: run `ragqa models pull {name}{at}`")
    return path


def _refuse_altered(model: Builtin) -> None:
    """Refuse a built-in model with a changed file.

    :raises ModelError: a file differs from the one that was pulled.
    """
    if reason := manifest.altered(model_dir(model.name), manifest.records_of(model)):
        raise missing(model, reason)


def _refuse_unsound(folder: Path) -> None:
    """Refuse a model's folder that ragqa did not make, if its files contradict each other or cannot be used safely.

    :raises ModelError: its counts are impossible, or a file is damaged.
    :raises RefusedError: its tokenizer takes too long.
    """
    sanity.refuse_unlikely(folder, read_json(folder / "config.json"))
    sanity.refuse_altered_blobs(folder)
    tokenizer = folder / "tokenizer.json"
    if tokenizer.exists():
        sanity.refuse_slow_tokenizer(tokenizer)


def _local(name: str, revision: str | None) -> Path | None:
    """Return the folder or file of a name that is not built-in; None for a hub id that is not in the hub's cache."""
    path = Path(os.path.expanduser(name))
    if name and (path.is_dir() or (path.is_file() and path.suffix == ".gguf")):
        return path
    if path.exists() or not _HUB_ID.fullmatch(name) or path.suffix == ".gguf":
        raise unknown(name)
    return _hub_folder(name, revision)


def _hub_folder(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def _has_safetensors(path: Path) -> bool:
    """Tell whether a model's folder has safetensors; False for a .gguf file, or a folder with GGUF alone.

    :raises RefusedError: the folder has only pickle weights.
    :raises ModelError: the folder has no weights, or no config.json.
    """
    if path.is_file():
        return False
    if any(path.glob("*.safetensors")):
        if not (path / "config.json").exists():
            raise ModelError(f"{path} has no config.json: name the folder that save_pretrained wrote")
        return True
    if any(path.glob("*.gguf")):
        return False
    pickles = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
    if pickles:
        danger = f"only pickle weights ({pickles[0]}), which can run code when loaded"
        raise RefusedError(f"{path} has {danger}: save the model as safetensors")
    raise ModelError(f"{path} has no *.safetensors and no *.gguf: only these formats are loaded")


def _one_gguf(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob("*.gguf"))
    if len(files) != 1:
        names = ": " + ", ".join(file.name for file in files) if files else ""
        raise ModelError(f"{path} has {len(files)} .gguf files{names}; must be 1: name the file itself")
    return files[0]


def _gguf_window(path: Path) -> int | None:
    header = read_header(path)
    length = header.get(f"{header.get('general.architecture')}.context_length")
    return length if isinstance(length, int) and length > 0 else None


def _kind(folder: Path) -> ModelKind | None:
    """Return the kind of a model by its files and the architecture in config.json; None if they do not show it."""
    architectures = read_json(folder / "config.json").get("architectures") or [""]
    if not isinstance(architectures, list):
        raise ModelError(f"{folder / 'config.json'}: architectures must be a list of names")
    architecture = str(architectures[0])
    if architecture.endswith("ForSequenceClassification"):
        return "reranker"
    if (folder / "modules.json").exists():
        return "embedder"
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return "generator"
    return "embedder" if architecture.endswith(("Model", "ForMaskedLM")) else None


def _spellings() -> dict[str, str]:
    """Return the built-in names by their full spelling and by each of their first parts: `smollm2`, `smollm2-135m`."""
    return {name[: cut.start()]: name for name in reversed(BUILTIN) for cut in re.finditer("-|$", name)}
