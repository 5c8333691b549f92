"""ragqa: question answering over your own documents, with citations that can be checked.

    files --load--> Document --split--> Chunk --embed--> float32[n, dim] --index--> FAISS + SQLite
    question --retrieve--> Hit --prompt--> Prompt --generate--> Answer (text, citations, usage)
    questions --evaluate--> EvaluationReport (metrics with confidence intervals)

Importing this package loads no model library; `Pipeline` does, when it first needs one. What a user needs at first can
be imported from here: the pipeline, its records, its errors.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from ragqa import forks as forks  # what a process that is forked from this one can do is settled from here on

if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
    # torch's threads wait for one another by spinning, 300,000 times by default: where another program wants the cores,
    # each of some hundred steps a token then lasts until the scheduler's next turn
    os.environ["GOMP_SPINCOUNT"] = "10000"

if TYPE_CHECKING:
    from ragqa.config import Config, load_config
    from ragqa.errors import (
        ConfigError,
        DocumentsGoneError,
        GateError,
        IndexCorruptError,
        IndexFormatError,
        LockedError,
        MistakesError,
        ModelError,
        NothingUsableError,
        RagqaError,
        RefusedError,
        RejectedError,
        ResourceError,
        UsageError,
        UsageTypeError,
    )
    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.maintenance import Maintenance
    from ragqa.records import Answer, Chunk, Citation, Document, FileStatus, Generation, Hit, Prompt

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Chunk",
    "Citation",
    "Config",
    "ConfigError",
    "Document",
    "DocumentsGoneError",
    "FileStatus",
    "GateError",
    "Generation",
    "Hit",
    "IndexCorruptError",
    "IndexFormatError",
    "LockedError",
    "Maintenance",
    "MistakesError",
    "ModelError",
    "NothingUsableError",
    "Pipeline",
    "Prompt",
    "RagqaError",
    "RefusedError",
    "RejectedError",
    "ResourceError",
    "UsageError",
    "UsageTypeError",
    "__version__",
    "load_config",
]

_HOMES = {"Pipeline": "pipeline", "Maintenance": "pipeline.maintenance", "Config": "config", "load_config": "config"}
"""Where a public name is defined; errors stand in `errors`, the others in `records`."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import ragqa` stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'ragqa' has no attribute {name!r}")
    home = _HOMES.get(name, "errors" if name.endswith("Error") else "records")
    return getattr(importlib.import_module(f"ragqa.{home}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
