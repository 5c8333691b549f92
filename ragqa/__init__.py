"""ragqa: question answering over your own documents, with citations that can be checked.

    files --load--> Document --split--> Chunk --embed--> float32[n, dim] --index--> FAISS + SQLite
    question --retrieve--> Hit --prompt--> Prompt --generate--> Answer (text, citations, ledger)
    questions --evaluate--> Report (metrics with confidence intervals)

Importing this package loads no model library; `Pipeline` does, when it first needs one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ragqa import forks as forks  # what a process that is forked from this one can do is settled from here on

if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
    # torch's threads wait for one another by spinning, 300,000 times by default: where another program wants the cores,
    # each of some hundred steps a token then lasts until the scheduler's next turn
    os.environ["GOMP_SPINCOUNT"] = "10000"

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline

__version__ = "0.1.0"
__all__ = ["Pipeline", "__version__"]


def __getattr__(name: str) -> Any:
    """Import `Pipeline` when it is first asked for, so that `import ragqa` stays light."""
    if name == "Pipeline":
        from ragqa.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module 'ragqa' has no attribute {name!r}")
