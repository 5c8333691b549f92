"""texts -> models trained on them. It takes texts from anywhere, and knows neither the pipeline nor its stages,
but for a loader by its methods.

corpus.py        the documents that a loader finds
vocabulary.py    a byte-level BPE tokenizer, and how badly a tokenizer breaks up the words of a corpus
lm.py            a small causal language model, from scratch
loop.py          the training loop: batches, an objective's loss, checkpoints
objectives.py    what a training minimises: next-token prediction, or an objective of one's own
settings.py      its sizes, and how it is trained
texts.py         texts -> the stream of tokens that it learns from, and the held-out ones
folder.py        checkpoints to go on from, and the finished model
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
    """Import a name when it is first asked for: the table of kinds needs the settings of this room alone."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
