"""texts -> models trained on them. It takes texts from anywhere, and knows neither the pipeline nor its stages.

vocabulary.py    a byte-level BPE tokenizer, and how badly a tokenizer breaks up the words of a corpus
"""

from ragqa.train.vocabulary import (
    END_OF_TEXT,
    SMALLEST,
    Breakage,
    Term,
    broken_terms,
    load_tokenizer,
    save_tokenizer,
    spans,
    train_tokenizer,
)

__all__ = [
    "END_OF_TEXT",
    "SMALLEST",
    "Breakage",
    "Term",
    "broken_terms",
    "load_tokenizer",
    "save_tokenizer",
    "spans",
    "train_tokenizer",
]
