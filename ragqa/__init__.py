"""ragqa: question answering over your own documents, with citations that can be checked.

    files --load--> Document --split--> Chunk --embed--> float32[n, dim] --index--> FAISS + SQLite
    question --retrieve--> Hit --prompt--> Prompt --generate--> Answer (text, citations, usage)
    questions --evaluate--> EvaluationReport (metrics with confidence intervals)

Importing this package loads no model library. `Pipeline` loads one when it first needs it. The import sets the
environment variables `GOMP_SPINCOUNT` and `OPENBLAS_THREAD_TIMEOUT`, which control how threads of these libraries wait
(see `ragqa.threads`), unless the user has set them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ragqa import forks as forks  # processes forked from here on can check whether they can compute
from ragqa import threads

threads.set_up()

if TYPE_CHECKING:
    from ragqa.config import Config, Kind
    from ragqa.errors import (
        ConfigError,
        DocumentsGoneError,
        GateError,
        IndexCorruptError,
        IndexFormatError,
        LockedError,
        MistakesError,
        ModelError,
        NoTextError,
        NothingUsableError,
        Problem,
        RagqaError,
        RefusedError,
        RejectedError,
        ResourceError,
        TooSlowError,
        UsageError,
        UsageTypeError,
    )
    from ragqa.kinds import load_config
    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.ingest.maintenance import Maintenance
    from ragqa.records import (
        Answer,
        Chunk,
        Citation,
        Coverage,
        Document,
        Dropped,
        Extracted,
        FileStatus,
        Generation,
        Hit,
        Prompt,
        Scan,
        SearchTexts,
        SourceFile,
    )

__version__ = "0.2.0"
PUBLIC_MODULES = (
    "ragqa.adapters.langchain",
    "ragqa.config",
    "ragqa.config.specs",
    "ragqa.conversation",
    "ragqa.diagnosis",
    "ragqa.errors",
    "ragqa.evaluate",
    "ragqa.experiments",
    "ragqa.index.filters",
    "ragqa.index.identity",
    "ragqa.kinds",
    "ragqa.models",
    "ragqa.profiles",
    "ragqa.project",
    "ragqa.records",
    "ragqa.serve.mcp",
    "ragqa.settings",
    "ragqa.stages",
    "ragqa.stopping",
    "ragqa.testing.dataset",
    "ragqa.testing.embedder",
    "ragqa.testing.format",
    "ragqa.testing.generator",
    "ragqa.testing.index",
    "ragqa.testing.loader",
    "ragqa.testing.retriever",
    "ragqa.testing.scorer",
    "ragqa.testing.splitter",
    "ragqa.testing.system",
    "ragqa.text_analysis",
    "ragqa.train",
    "ragqa.transformer",
    "ragqa.transformer.attention",
    "ragqa.wire",
)
"""The modules that programs may import from, besides `ragqa` itself. Other modules may change in any version."""

__all__ = [
    "PUBLIC_MODULES",
    "Answer",
    "Chunk",
    "Citation",
    "Config",
    "ConfigError",
    "Coverage",
    "Document",
    "DocumentsGoneError",
    "Dropped",
    "Extracted",
    "FileStatus",
    "GateError",
    "Generation",
    "Hit",
    "IndexCorruptError",
    "IndexFormatError",
    "Kind",
    "LockedError",
    "Maintenance",
    "MistakesError",
    "ModelError",
    "NoTextError",
    "NothingUsableError",
    "Pipeline",
    "Problem",
    "Prompt",
    "RagqaError",
    "RefusedError",
    "RejectedError",
    "ResourceError",
    "Scan",
    "SearchTexts",
    "SourceFile",
    "TooSlowError",
    "UsageError",
    "UsageTypeError",
    "__version__",
    "load_config",
]

_HOMES = {
    "Config": "config",
    "Kind": "config",
    "load_config": "kinds",
    "Maintenance": "pipeline.ingest.maintenance",
    "Pipeline": "pipeline",
    "Problem": "errors",
}
"""The module of a public name; names that are not listed are in `errors` (errors) or `records`."""


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that `import ragqa` is fast."""
    if name not in __all__:
        raise AttributeError(f"module 'ragqa' has no attribute {name!r}")
    home = _HOMES.get(name, "errors" if name.endswith("Error") else "records")
    return getattr(importlib.import_module(f"ragqa.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
