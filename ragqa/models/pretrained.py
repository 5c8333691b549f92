"""The only function by which this package lets transformers load anything from a model's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragqa import limits
from ragqa.errors import ModelError, RefusedError, ResourceError
from ragqa.messages import brief
from ragqa.models.devices import no_progress_bar


def load_pretrained(kind: str, folder: Path, **arguments: Any) -> Any:
    """Return `transformers.KIND.from_pretrained(folder)`.

    Only local files are read, and only safetensors or GGUF weights.

    No code in the folder is run, and the user is not asked about it.

    :param kind: the name of a class, such as `AutoTokenizer`.
    :param arguments: further arguments of `from_pretrained`.
    :raises RefusedError: the folder cannot be loaded without code of its own.
    :raises ModelError: transformers cannot load it for any other reason.
    """
    import transformers

    fixed = {"local_files_only": True, "trust_remote_code": False}
    if kind.startswith("AutoModel") and "gguf_file" not in arguments:
        fixed["use_safetensors"] = True
    source = folder / arguments.get("gguf_file", "")
    try:
        with no_progress_bar():
            return getattr(transformers, kind).from_pretrained(folder, **arguments, **fixed)
    except MemoryError:
        raise
    except Exception as error:  # the errors that a folder can cause have no common class in transformers
        raise load_error(source, error) from error


def load_error(source: Path, error: Exception) -> ModelError | RefusedError | ResourceError:
    """Return the error of ragqa for an error of transformers or sentence-transformers about the model in a folder."""
    if limit := limits.met(error):
        return limit
    if "trust_remote_code" in str(error):
        return RefusedError(
            f"{source} cannot be loaded without running code of its own (auto_map), which is never done: use another model"
        )
    return ModelError(f"transformers cannot read {source}: {brief(error, 300)}")
