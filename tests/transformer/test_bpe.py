"""The byte-pair encoding to read: equal to the library's, and lossless on anything."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from ragqa.transformer import BPE
from ragqa.transformer.bpe import BYTES, PIECE

ByteLevel = pre_tokenizers.ByteLevel
SHOWN = dict(zip(BYTES, sorted(ByteLevel.alphabet()), strict=True))
"""The character by which the library writes each byte."""

FEW = st.text("ab 'é\n1", max_size=60)
"""Few letters: many repeats, many ties."""
MANY = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=30)
"""Any character that was assigned when Python's tables were made; newer ones are not letters for everyone yet."""
ODD = st.lists(
    st.sampled_from(["👩🏽‍🚀", "🇳🇴", "e\u0301", "\u0301", "\r\n", "\0", "'s", "'ll", "  ", "\u00a0", "\u3000", "漢字", "½", "नमस्ते", "a", " b"])
).map("".join)  # fmt: skip
CORPUS = st.lists(FEW | MANY | ODD, max_size=6)


def by_library(texts: Sequence[str], vocab_size: int, min_count: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=min_count, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def written(token: bytes) -> str:
    return "".join(SHOWN[byte] for byte in token)


@given(CORPUS, st.integers(256, 330), st.integers(1, 3), FEW | MANY | ODD)
@settings(max_examples=150, deadline=None)
def test_merges_and_encodings_are_those_of_the_library(
    texts: list[str], vocab_size: int, min_count: int, text: str
) -> None:
    library = by_library(texts, vocab_size, min_count)
    ours = BPE.train(texts, vocab_size, min_count=min_count)
    merges = [[written(ours.tokens[left]), written(ours.tokens[right])] for left, right in ours.merges]
    assert merges == json.loads(library.to_str())["model"]["merges"]
    assert {written(token): number for number, token in enumerate(ours.tokens)} == library.get_vocab()
    for each in (text, *texts):
        assert ours.encode(each) == library.encode(each).ids


@given(st.binary(max_size=80), MANY | ODD)
def test_any_bytes_and_any_text_come_back_as_they_were(data: bytes, text: str) -> None:
    bpe = BPE.train(["the ferry, the quay; \xff\xfe", text], 300, min_count=1)
    assert bpe.decode_bytes(bpe.encode(data)) == data
    assert bpe.decode(bpe.encode(text)) == text
    assert bpe.encode(text.encode()) == bpe.encode(text)


def test_every_character_lies_in_one_piece_as_the_library_cuts_it() -> None:
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    text = "".join(f"a{character}1{character}{character} {character}" for character in known[::7])
    assert [text[start:end] for _, (start, end) in ByteLevel(add_prefix_space=False).pre_tokenize_str(text)] == (
        PIECE.findall(text)
    )
    assert "".join(PIECE.findall(text)) == text


def test_merges_alone_make_the_same_vocabulary() -> None:
    learned = BPE.train(["low lower lowest, new newer newest"] * 3, 280)
    assert learned.tokens[256:259] == [b"we", b"lo", b"ne"]
    again = BPE(learned.merges)
    assert (again.tokens, again.merges) == (learned.tokens, learned.merges)


def test_training_ends_where_no_pair_is_frequent_enough_or_there_is_no_text() -> None:
    assert len(BPE.train(["abcd"], 300).tokens) == 256
    assert len(BPE.train(["abcd"], 300, min_count=1).tokens) == 259
    assert BPE.train([], 300, min_count=1).encode("é") == [BYTES.index(byte) for byte in "é".encode()]


def test_a_cut_within_a_character_is_shown_and_not_lost() -> None:
    bpe = BPE()
    assert bpe.decode(bpe.encode("é")[:1]) == "\ufffd"
    assert bpe.decode_bytes(bpe.encode("é")[:1]) == b"\xc3"


@pytest.mark.parametrize(("vocab_size", "min_count"), [(255, 2), (300, 0)])
def test_a_vocabulary_without_room_for_the_bytes_is_refused(vocab_size: int, min_count: int) -> None:
    with pytest.raises(ValueError, match="must be at least 256 and 1"):
        BPE.train(["text"], vocab_size, min_count=min_count)
