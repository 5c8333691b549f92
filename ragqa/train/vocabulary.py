"""Learns a tokenizer from texts, and measures how any tokenizer splits the words of a corpus.

The library `tokenizers` is used. `ragqa/transformer/bpe.py` is the same algorithm, for reading.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE

from ragqa import arguments, models
from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.models.gguf_header import read_header
from ragqa.outputs import check_own, made, replace, writing
from ragqa.text_analysis import WORD

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
END_OF_TEXT = "<|endoftext|>"
SMALLEST = 257
"""The smallest vocabulary: the 256 bytes and the end of text."""
MIN_COUNT = 2
"""The least number of occurrences of a pair of tokens in the texts for a merge."""
TERM_LETTERS = 4
"""The least number of letters of a term."""

Offset = tuple[int, int]


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn a byte-level BPE, which encodes any text without loss.

    Token 0 is the end of text; the next tokens are the bytes.

    It is smaller than `vocab_size` if no other pair of tokens occurs twice in the texts. The order of the texts does
    not change the tokenizer.

    :raises UsageError: `vocab_size` is less than the number of bytes and the end of text.
    """
    if vocab_size < SMALLEST:
        raise UsageError(f"vocab_size is {vocab_size}; must be at least {SMALLEST}: 256 bytes and {END_OF_TEXT}")
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_COUNT,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def check_tokenizer_folder(folder: AnyPath, *, force: bool = False) -> None:
    """Refuse a folder in which a tokenizer must not be written.

    :param force: accept a folder that is not empty, whose tokenizer will be replaced.
    :raises UsageError: the folder is not empty and `force` is not given; it is not a folder; or a file's name is that
        of a folder, a pipe or a device.
    :raises RefusedError: one of the files is a link.
    """
    folder = arguments.path(folder, "folder")
    with writing(folder):
        held = os.listdir(folder) if os.path.lexists(folder) else []
    if held and not force:
        raise UsageError(f"{folder} is not empty: name another folder, or give --force to replace its tokenizer")
    for name in (TOKENIZER, TOKENIZER_CONFIG):
        check_own(folder / name)


def save_tokenizer(tokenizer: Tokenizer, folder: AnyPath, *, force: bool = False) -> None:
    """Write a tokenizer of `train_tokenizer` in the format that `AutoTokenizer.from_pretrained(folder)` loads.

    :param force: accept a folder that is not empty, and replace its tokenizer.
    :raises UsageError: see `check_tokenizer_folder`; or the folder cannot be written.
    :raises RefusedError: see `check_tokenizer_folder`.
    :raises ResourceError: the disk is full.
    """
    folder = arguments.path(folder, "folder")
    check_tokenizer_folder(folder, force=force)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,  # otherwise decoding would remove spaces
    }
    with made(folder):
        replace(folder / TOKENIZER, tokenizer.to_str(pretty=True).encode())
        replace(folder / TOKENIZER_CONFIG, json.dumps(config, indent=1).encode())


def tokenizer_file(name: AnyPath) -> Path:
    """Return the file of a tokenizer: its `tokenizer.json`, or the `.gguf` file of a model without one.

    :param name: a folder, a `tokenizer.json`, or the name of a model as in `ragqa models`.
    :raises UsageError: the folder exists and has no tokenizer.
    :raises ModelError: the model is missing, or its name is unknown.
    """
    path, name = arguments.path(name, "tokenizer"), os.fspath(name)
    folder = models.model_dir(name) if name in models.BUILTIN else path
    file = path if path.is_file() else folder / "tokenizer.json"
    if path.suffix == ".gguf" or (any(folder.glob("*.gguf")) and not file.is_file()):
        return models.gguf_path(name)
    if not file.is_file() and path.is_dir():
        raise UsageError(f"{path} has no tokenizer.json: name a folder that has one, or a model")
    return file if file.is_file() else models.resolve(name) / "tokenizer.json"


def load_tokenizer(name: AnyPath) -> Tokenizer:
    """Return the tokenizer of a name, as in `tokenizer_file`. It neither truncates nor pads texts.

    For a model with only a GGUF file this takes half a minute.

    :raises UsageError: the folder or file exists and has no tokenizer.
    :raises ModelError: the model is missing, or its name is unknown.
    """
    file = tokenizer_file(name)
    if file.suffix == ".gguf":
        return _from_gguf(file)
    models.refuse_slow_tokenizer(file)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library has no narrower class of errors
        raise UsageError(f"{file} is no tokenizer that can be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _from_gguf(file: Path) -> Tokenizer:
    read_header(file)
    tokenizer: Tokenizer = models.load_pretrained("AutoTokenizer", file.parent, gguf_file=file.name).backend_tokenizer
    return tokenizer


def spans(offsets: Sequence[Offset]) -> list[tuple[int, int, int]]:
    """Return (start, end, number of tokens) for the tokens with these offsets, in order.

    Tokens that are parts of one character are joined. Tokens without characters of the text are left out.
    """
    found: list[tuple[int, int, int]] = []
    for start, end in offsets:
        if found and start < found[-1][1]:
            first, last, tokens = found[-1]
            found[-1] = first, max(last, end), tokens + 1
        elif start < end:
            found.append((start, end, 1))
    return found


@dataclass(frozen=True, slots=True)
class BrokenTerm:
    """A word of a corpus, in its original spelling.

    :param tokens: the mean number of tokens with any of its letters.
    :param pieces: its most frequent split into pieces.
    """

    text: str
    count: int
    tokens: float
    pieces: tuple[str, ...]

    @property
    def lost(self) -> int:
        """Return the number of tokens that would be saved if the word were one token at each occurrence."""
        return round(self.count * (self.tokens - 1))


@dataclass(frozen=True, slots=True)
class Breakage:
    """Figures of how a tokenizer splits the words of a corpus. Words are those of the search.

    :param fertility: the mean number of tokens for each word.
    :param whole: the share of the words that are one token, 0 to 1.
    :param unknown: the number of tokens for text that is not in the vocabulary.
    :param partial: the number of tokens that are only a part of a character.
    :param terms: words of four letters or more that are split, in descending order of cost.
    """

    documents: int
    characters: int
    words: int
    tokens: int
    fertility: float
    whole: float
    characters_per_token: float
    unknown: int
    partial: int
    terms: tuple[BrokenTerm, ...]


def broken_terms(tokenizer: Tokenizer, texts: Iterable[str]) -> Breakage:
    """Return figures of how the words of texts are split, each within its text; special tokens are left out.

    The cost of a term is the number of its tokens after the first, over all occurrences. Without texts all figures are
    0.
    """
    unknown_id = _unknown(tokenizer)
    documents = characters = tokens = unknown = partial = whole = 0
    seen: Counter[tuple[str, tuple[Offset, ...]]] = Counter()
    for text in texts:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        documents, characters, tokens = documents + 1, characters + len(text), tokens + len(encoding.ids)
        unknown += sum(number == unknown_id for number in encoding.ids)
        partial += sum(n for _, _, n in spans(encoding.offsets) if n > 1)
        for word, ids, parts in _words(text, encoding.ids, encoding.offsets):
            seen[word, parts] += 1
            whole += len(ids) == 1 and ids[0] != unknown_id
    words = seen.total()
    return Breakage(
        documents, characters, words, tokens,
        fertility=sum(len(parts) * n for (_, parts), n in seen.items()) / max(1, words),
        whole=whole / max(1, words),
        characters_per_token=characters / max(1, tokens),
        unknown=unknown, partial=partial, terms=_terms(seen),
    )  # fmt: skip


def _words(
    text: str, ids: Sequence[int], offsets: Sequence[Offset]
) -> Iterable[tuple[str, list[int], tuple[Offset, ...]]]:
    """Yield each word with its tokens, and the part of the word in each token."""
    first = 0
    for match in WORD.finditer(text):
        start, end = match.span()
        while first < len(ids) and offsets[first][1] <= start:
            first += 1
        last = first
        while last < len(ids) and offsets[last][0] < end:
            last += 1
        parts = tuple((max(a, start) - start, min(b, end) - start) for a, b in offsets[first:last])
        yield match.group(), list(ids[first:last]), parts


def _terms(seen: Counter[tuple[str, tuple[Offset, ...]]]) -> tuple[BrokenTerm, ...]:
    """Return the split terms of the counted words, in descending order of cost."""
    ways: defaultdict[str, Counter[tuple[Offset, ...]]] = defaultdict(Counter)
    for (word, parts), n in seen.items():
        if len(word) >= TERM_LETTERS and word.isalpha():
            ways[word][parts] += n
    terms = []
    for word, counts in ways.items():
        tokens = sum(len(parts) * n for parts, n in counts.items())
        broken = [parts for parts in counts if len(parts) > 1]
        if broken:
            usual = max(broken, key=lambda parts: (counts[parts], parts))
            pieces = tuple(word[start:end] for start, end, _ in spans(usual))
            terms.append(BrokenTerm(word, counts.total(), tokens / counts.total(), pieces))
    return tuple(sorted(terms, key=lambda term: (-term.lost, term.text)))


def _unknown(tokenizer: Tokenizer) -> int | None:
    """Return the token for unknown text; None if the tokenizer can encode any text, as byte-level ones can."""
    model = json.loads(tokenizer.to_str())["model"]
    token, number = model.get("unk_token"), model.get("unk_id")
    return number if token is None else tokenizer.token_to_id(token)
