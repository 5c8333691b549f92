"""texts or questions -> models trained on them. They may come from anywhere. This room does not use the pipeline or its stages,
except the methods of a loader.

corpus.py        the documents that a loader finds
vocabulary.py    a byte-level BPE tokenizer, and a measure of how a tokenizer splits the words of a corpus
lm.py            a small causal language model, from scratch
reader.py        a reader: where in a passage the answer to a question begins and ends
loop.py          the training loop: a task's losses, checkpoints
objectives.py    the objectives of training: next-token prediction, or a user's own
settings.py      the settings of a training, and the sizes of a language model
texts.py         texts -> the stream of training tokens, and that of held-out tokens
folder.py        checkpoints to continue from, and the finished model
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.train.corpus import Corpus
    from ragqa.train.vocabulary import (
        END_OF_TEXT,
        SMALLEST,
        Breakage,
        BrokenTerm,
        broken_terms,
        check_tokenizer_folder,
        load_tokenizer,
        save_tokenizer,
        spans,
        tokenizer_file,
        train_tokenizer,
    )

__all__ = [
    "END_OF_TEXT",
    "SMALLEST",
    "Breakage",
    "BrokenTerm",
    "Corpus",
    "broken_terms",
    "check_tokenizer_folder",
    "load_tokenizer",
    "save_tokenizer",
    "spans",
    "tokenizer_file",
    "train_tokenizer",
]

_MODULES = {name: "ragqa.train.corpus" if name == "Corpus" else "ragqa.train.vocabulary" for name in __all__}


def __getattr__(name: str) -> Any:
    """Import a name at its first use, since the table of kinds needs only the settings of this room."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
