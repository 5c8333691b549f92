"""Any model of the library sentence-transformers as an `Embedder`: its modules, its prompts and its window."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ragqa import models
from ragqa.config.specs import SentenceTransformersEmbed
from ragqa.embed.base import LocalEmbedder
from ragqa.embed.encoder import config_sha256, read_prefixes, read_window
from ragqa.embed.questions import Vectors, refuse_long
from ragqa.embed.tokens import ModelTokens
from ragqa.errors import ModelError, RagqaError, RefusedError

_UNCUT = {"processing_kwargs": {"text": {"truncation": False, "verbose": False}}}
"""Options: the library cuts no text, and does not warn about texts that are refused."""
_TASKS = {"query": "query", "passage": "document"}
"""The library's names, by which a model with a part of its own for each (a Router) chooses it."""


class SentenceTransformersEmbedder(LocalEmbedder):
    """An `Embedder` with the model that an `embed` section names. The weights are loaded when first needed.

    No code of the model's folder is run, and only safetensors are read.

    :raises ModelError: the model is missing, or is not one of sentence-transformers.
    :raises RefusedError: a module has only pickle weights.
    """

    spec: SentenceTransformersEmbed

    def __init__(self, spec: SentenceTransformersEmbed) -> None:
        self.spec = spec
        self.folder = models.resolve(spec.model, spec.revision)
        self._modules = _modules(self.folder)
        self._tokens = ModelTokens(self.folder, spec.model)
        self.window = _window(self.folder)
        self.prefixes = read_prefixes(self.folder)
        self.dtype = models.torch_dtype(spec.dtype, matrices=True)
        self._questions = self._embedder_of_questions(self.prefixes["query"], self.window, spec.model)

    @cached_property
    def dim(self) -> int:
        """The number of dimensions; the library tells that of a model, which is loaded for it."""
        own = self._model.get_embedding_dimension()
        if self.spec.dim and self.spec.dim > own:
            raise ModelError(
                f"embed.dim is {self.spec.dim:,}; the vectors of {self.spec.model} have {own:,} dimensions"
            )
        return int(self.spec.dim or own)

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return the facts that a vector depends on besides its text. Dtype and backend are not part of them."""
        return {
            "weights": _weights_sha256(self.folder),
            "config": config_sha256(self.folder),
            "tokenizer": self._tokens.identity,
            "pooling": f"sentence_transformers {_settings_sha256(self.folder, self._modules)}",
            "normalise": "l2",
            "query_prefix": self.prefixes["query"],
            "passage_prefix": self.prefixes["passage"],
            "window": str(self.window),
            "quantisation": "none",
            "dim": str(self.dim),
        }

    @property
    def recorded(self) -> dict[str, str]:
        """Return facts about the computation that do not change the vectors."""
        spec = {"kind": self.spec.kind, "model": self.spec.model, "revision": self.spec.revision or ""}
        return spec | {"dtype": str(self.dtype).removeprefix("torch."), "engine": self.spec.backend}

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        self.dim  # noqa: B018  # a cached property: reading it loads

    @torch.inference_mode()
    def _forward(self, texts: list[str], ids: list[list[int]], what: str, rows: list[int]) -> Vectors:
        """Return the vectors of a batch. The library itself puts the prompt before the texts, since pooling may omit it."""
        from sentence_transformers.util import batch_to_device

        task = _TASKS[what]
        features = self._model.preprocess(texts, prompt=self.prefixes[what] or None, task=task, **_UNCUT)
        # The library's tokenizer may differ from tokenizer.json, such as by lower case, so its lengths are checked too.
        limit = min(self.window, self._model.max_seq_length or self.window)
        refuse_long(features["attention_mask"].sum(dim=1).tolist(), limit, self.spec.model, what, rows)
        pooled = self._model(batch_to_device(features, self._device), task=task)["sentence_embedding"]
        unit: Vectors = torch.nn.functional.normalize(pooled[:, : self.dim].float(), dim=1).cpu().numpy()
        return unit

    @property
    def _device(self) -> torch.device:
        return torch.device(models.device() if self.spec.backend == "torch" else "cpu")

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import SentenceTransformer

        in_torch = self.spec.backend == "torch"
        try:
            with models.no_progress_bar():
                model = SentenceTransformer(
                    str(self.folder),
                    device=str(self._device),
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True, "dtype": self.dtype if in_torch else torch.float32},
                ).eval()
            if getattr(model.tokenizer, "pad_token", None) is None:
                raise ModelError(f"the tokenizer in {self.folder} has no padding token: save the model with one")
            if not in_torch:
                from ragqa.embed.openvino import use_openvino

                use_openvino(model, self.dtype)
        except (RagqaError, MemoryError):
            raise
        except Exception as error:  # the errors that a folder can cause have no common class in the library
            raise models.load_error(self.folder, error) from error
        return model


def _window(folder: Path) -> int:
    """Return the longest input in tokens; the library keeps a `max_seq_length` in the tokenizer's settings too."""
    longest = models.read_json(folder / "tokenizer_config.json").get("model_max_length")
    return min(read_window(folder), longest) if type(longest) is int and longest > 0 else read_window(folder)


def _modules(folder: Path) -> list[Path]:
    """Return the folders of a model's modules, which its modules.json names.

    :raises ModelError: it has none, or one that is not part of the library.
    :raises RefusedError: a module has only pickle weights.
    """
    file = folder / "modules.json"
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))
        modules = [(str(module["type"]), folder / str(module["path"])) for module in listed]
    except FileNotFoundError:
        raise ModelError(f"{folder} has no modules.json: use embed of kind mean_pool or cls_pool") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise ModelError(f"{file} is no list of modules with type and path: pull or save the model again") from None
    for kind, place in modules:
        if not kind.startswith("sentence_transformers."):
            raise RefusedError(f"{file}: {kind} is code of the model's own, which is never run: use another model")
        if (place / "pytorch_model.bin").exists() and not any(place.glob("*.safetensors")):
            raise RefusedError(f"{place} has only pickle weights, which can run code: save the model as safetensors")
    return [place for _, place in modules]


def _weights_sha256(folder: Path) -> str:
    """Return one SHA-256 over the weights of all modules."""
    files = sorted(folder.rglob("*.safetensors"))
    return hashlib.sha256("".join(map(models.remembered_sha256, files)).encode()).hexdigest()


def _settings_sha256(folder: Path, modules: Sequence[Path]) -> str:
    """Return one SHA-256 over the settings of all modules but those of config.json."""
    files = [folder / "modules.json", folder / "sentence_bert_config.json"]
    files += [place / "config.json" for place in modules if place.resolve() != folder.resolve()]
    settings = [file.read_text(encoding="utf-8") if file.exists() else "" for file in files]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
