"""`ragqa tokenizer`: a tokenizer learned from documents, and what one does to texts and to a corpus' own words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from ragqa.errors import ModelError, ResourceError, UsageError
from ragqa.load import FolderLoader
from ragqa.train import END_OF_TEXT, broken_terms, load_tokenizer, save_tokenizer, spans, train_tokenizer
from ragqa.transformer import BPE
from ragqa.transformer.bpe import BYTES
from tests import ROOT
from tests.commands import fill, ragqa
from tests.limits import no_file_above
from tests.models.test_models import write_gguf

HANDBOOK = ROOT / "corpora" / "tarnwick" / "documents" / "handbook"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    loader = FolderLoader([HANDBOOK])
    return [loader.read(file).text for file in loader.scan().files]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with documents, a pipeline file, and a tokenizer learned from the word Sandrigg."""
    save_tokenizer(train_tokenizer(["at Sandrigg " * 4], 400), tmp_path / "learned")
    return fill(tmp_path)


def whole_words(vocabulary: list[str], folder: Path) -> Path:
    """Save a tokenizer that knows these words and calls every other one unknown."""
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_transformers_loads_what_was_learned_with_its_end_of_text_and_without_loss(place: Path) -> None:
    from transformers import AutoTokenizer

    done = ragqa("tokenizer", "train", "documents", "--vocab-size", "300", "--out", "made", "--json", cwd=place)
    assert done.code == 0, done.err
    loaded = AutoTokenizer.from_pretrained(place / "made", local_files_only=True)
    assert (loaded.eos_token, loaded.eos_token_id) == (END_OF_TEXT, 0)
    assert len(loaded) == done.said["vocabulary"] == 270
    text = "Ferry , 4.2 MW .\r\n\0 👩🏽‍🚀 e\u0301  "
    assert loaded.decode(loaded(text)["input_ids"]) == text
    assert loaded(f"a{END_OF_TEXT}")["input_ids"][-1] == loaded.eos_token_id


def test_what_is_learned_is_what_the_encoding_to_read_learns(texts: list[str]) -> None:
    library, ours = train_tokenizer(texts, 500), BPE.train(texts, 499)
    shown = dict(zip(BYTES, sorted(pre_tokenizers.ByteLevel.alphabet()), strict=True))
    names = ["".join(shown[byte] for byte in token) for token in ours.tokens]
    assert [library.id_to_token(number) for number in range(500)] == [END_OF_TEXT, *names]
    assert [number - 1 for number in library.encode(texts[0]).ids] == ours.encode(texts[0])


def test_the_same_documents_give_the_same_tokenizer_in_any_order(texts: list[str]) -> None:
    assert train_tokenizer(texts, 400).to_str() == train_tokenizer(reversed(texts), 400).to_str()


def test_a_pipeline_file_stands_for_its_documents_and_one_document_for_itself(place: Path) -> None:
    (place / "documents" / "again.md").write_bytes((place / "documents" / "ferry.md").read_bytes())
    made = {}
    for corpus in ("documents", "pipeline.yaml", "documents/ferry.md"):
        done = ragqa("tokenizer", "train", corpus, "--out", f"out/{Path(corpus).name}", "--json", cwd=place)
        assert done.code == 0, done.err
        made[corpus] = done.said["documents"], (Path(place / done.said["out"]) / "tokenizer.json").read_bytes()
    assert made["documents"] == made["pipeline.yaml"]
    assert (made["documents"][0], made["documents/ferry.md"][0]) == (3, 1)
    assert not (place / "index").exists()


@pytest.mark.parametrize("corpus", ["documents", "pipeline.yaml"])
def test_set_chooses_the_documents(place: Path, corpus: str) -> None:
    choice = ("--set", "load.include=[ferry.md]", "--json")
    done = ragqa("tokenizer", "train", corpus, "--out", "made", *choice, cwd=place)
    assert (done.code, done.said["documents"]) == (0, 1), done.err
    done = ragqa("tokenizer", "inspect", "learned", "--corpus", corpus, *choice, cwd=place)
    assert (done.code, done.said["corpus"]["documents"]) == (0, 1), done.err


def test_a_small_corpus_says_that_it_gave_fewer_tokens(place: Path) -> None:
    done = ragqa("tokenizer", "train", "documents", "--out", "made", cwd=place)
    assert done.out.startswith("made: 270 tokens from 3 documents")
    assert "270 tokens instead of 8,192" in done.err


@pytest.mark.parametrize("command", [["train", "documents", "--out", "made"], ["inspect", "learned", "--corpus", "."]])
def test_rejected_files_are_named_and_end_in_exit_code_3(place: Path, command: list[str]) -> None:
    (place / "documents" / "empty.md").touch()
    (place / "documents" / "blank\x1b[2J.txt").write_text(" \n", encoding="utf-8")
    done = ragqa("tokenizer", *command, cwd=place)
    assert done.code == 3
    assert "empty.md: empty file" in done.err
    assert "blank\\x1b[2J.txt: no text" in done.err
    assert done.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "documents", "--out", "made", "--vocab-size", "256"], 2, "256 is not in the range x>=257"),
        (["train", "documents"], 2, "Missing option '--out'"),
        (["train", "missing", "--out", "made"], 2, "no such folder or file: missing"),
        (["train", "questions.yaml", "--out", "made"], 2, "no such folder or file: questions.yaml"),
        (["train", "documents", "--out", "learned"], 2, "learned is not empty"),
        (["train", "documents", "--out", "pipeline.yaml"], 2, "pipeline.yaml: Not a directory; name a folder"),
        (["train", "nothing", "--out", "made"], 4, "no documents found under nothing"),
        (["inspect", "learned", "--corpus", "nothing"], 4, "no documents found under nothing"),
        (["inspect", "learned", "--corpus", "missing"], 2, "no such folder or file: missing"),
        (["train", "documents", "--out", "made", "--set", "load.inclde=[a]"], 2, "load.inclde: unknown key"),
        (["inspect", "learned", "--set", "load.include=[a]"], 2, "--set: it changes how the documents of --corpus"),
        (["inspect", "documents"], 2, "documents has no tokenizer.json"),
        (["inspect", "pipeline.yaml"], 2, "pipeline.yaml is no tokenizer that can be read"),
        (["inspect", "learned", "--text", "a\udcff"], 2, "--text: it is not UTF-8"),
        (["inspect", "smollm"], 8, "unknown model 'smollm'"),
        (["inspect", "all-minilm-l6-v2"], 8, "ragqa models pull all-minilm-l6-v2"),
    ],
)
def test_bad_input_ends_with_what_is_wrong(place: Path, arguments: list[str], code: int, message: str) -> None:
    (place / "nothing").mkdir()
    done = ragqa("tokenizer", *arguments, cwd=place)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert not (place / "made").exists()


def test_force_replaces_the_tokenizer_of_a_folder_and_nothing_else(place: Path) -> None:
    (place / "learned" / "notes.txt").write_text("mine", encoding="utf-8")
    done = ragqa("tokenizer", "train", "documents", "--out", "learned", "--force", cwd=place)
    assert done.code == 0, done.err
    assert load_tokenizer(str(place / "learned")).token_to_id("ĠSandrigg") is None
    assert (place / "learned" / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_link_in_the_place_of_the_tokenizer_is_refused_with_force_too(place: Path, name: str) -> None:
    for target in ("mine.json", "missing.json"):
        (place / "mine.json").write_text("mine", encoding="utf-8")
        (place / "learned" / name).unlink()
        (place / "learned" / name).symlink_to(place / target)
        done = ragqa("tokenizer", "train", "documents", "--out", "learned", "--force", cwd=place)
        assert (done.code, done.out) == (9, "")
        assert f"{name} is a link" in done.err
        assert (place / "mine.json").read_text(encoding="utf-8") == "mine"
        assert not (place / "missing.json").exists()


def test_a_tokenizer_is_not_replaced_from_python_unasked(place: Path) -> None:
    made = train_tokenizer(["at Sandrigg " * 4], 300)
    with pytest.raises(UsageError, match="learned is not empty"):
        save_tokenizer(made, place / "learned")
    save_tokenizer(made, place / "learned", force=True)


def test_a_full_disk_leaves_no_tokenizer_and_no_folder(place: Path) -> None:
    with no_file_above(100), pytest.raises(ResourceError, match="File too large; free some space"):
        save_tokenizer(train_tokenizer(["at Sandrigg " * 4], 300), place / "a" / "new")
    assert not (place / "a").exists()


def test_a_text_is_shown_with_its_cuts_and_each_token_with_the_characters_it_covers(place: Path) -> None:
    text = "at Sandrigg: é\n"
    done = ragqa("tokenizer", "inspect", "learned", "--text", text, cwd=place)
    assert "\nat│ Sandrigg│:│ │é×2│\\n\n7 tokens, 15 characters\n" in done.out
    said = ragqa("tokenizer", "inspect", "learned/tokenizer.json", "--text", text, "--json", cwd=place).said
    tokens = said["text"]["tokens"]
    assert [text[token["start"] : token["end"]] for token in tokens] == ["at", " Sandrigg", ":", " ", "é", "é", "\n"]
    tokenizer = load_tokenizer(str(place / "learned"))
    assert [tokenizer.id_to_token(token["id"]) for token in tokens] == [token["token"] for token in tokens]
    assert (said["special"], said["vocabulary"]) == (1, tokenizer.get_vocab_size())


def test_neither_a_text_nor_a_document_nor_a_vocabulary_steers_the_terminal(place: Path) -> None:
    whole_words(["[UNK]", "\x1b[2J"], place / "odd")
    (place / "documents" / "ferry.md").write_text("Ab\u202ecd\x1b[2J \x1b[2J", encoding="utf-8")
    for name in ("odd", "learned"):
        done = ragqa("tokenizer", "inspect", name, "--text", "\x1b[2J\u202e", "--corpus", "documents", cwd=place)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out and "\u202e" not in done.out


def test_words_are_counted_where_they_stand_and_those_that_cost_most_come_first(place: Path) -> None:
    tokenizer = load_tokenizer(str(place / "learned"))
    found = broken_terms(tokenizer, ["at Sandrigg", "Sandrigg at Quay Quay Skarn; ab é"])
    assert (found.documents, found.characters, found.words, found.partial) == (2, 44, 9, 2)
    terms = {term.text: (term.count, term.tokens, term.lost, term.pieces) for term in found.terms}
    assert list(terms) == ["Quay", "Skarn", "Sandrigg"]
    assert terms["Quay"] == (2, 4.0, 6, ("Q", "u", "a", "y"))
    assert terms["Skarn"] == (1, 5.0, 4, ("S", "k", "a", "r", "n"))
    # What was learned is the word with the space before it; where a text begins with the word, it is broken up.
    assert terms["Sandrigg"] == (2, 1.5, 1, ("Sa", "ndrigg"))
    assert found.whole == 3 / 9
    assert found.fertility == (1 + 1 + 2 + 1 + 4 + 4 + 5 + 2 + 2) / 9


def test_figures_of_a_vocabulary_of_whole_words(tmp_path: Path) -> None:
    folder = whole_words(["[UNK]", "the", "ferry"], tmp_path / "words")
    found = broken_terms(load_tokenizer(str(folder)), ["the ferry the quay"])
    assert (found.words, found.tokens, found.unknown, found.partial) == (4, 4, 1, 0)
    assert (found.fertility, found.whole, found.characters_per_token) == (1.0, 0.75, 4.5)
    assert found.terms == ()


def test_no_text_gives_zeros(place: Path) -> None:
    found = broken_terms(load_tokenizer(str(place / "learned")), [""])
    assert (found.documents, found.words, found.tokens, found.fertility, found.whole) == (1, 0, 0, 0.0, 0.0)


def test_a_corpus_is_broken_up_less_by_what_was_learned_from_it(place: Path, texts: list[str]) -> None:
    said = []
    for size in ("257", "1000"):
        made = ragqa("tokenizer", "train", str(HANDBOOK), "--vocab-size", size, "--out", size, cwd=place)
        assert made.code == 0, made.err
        done = ragqa("tokenizer", "inspect", size, "--corpus", str(HANDBOOK), "--terms", "3", "--json", cwd=place)
        said.append(done.said["corpus"])
    letters, learned = said
    assert letters["tokens"] == sum(len(text.encode()) for text in texts)
    assert learned["tokens"] < letters["tokens"] / 2 and learned["broken_terms"] < letters["broken_terms"]
    assert len(learned["terms"]) == 3
    assert [term["lost"] for term in learned["terms"]] == sorted((t["lost"] for t in learned["terms"]), reverse=True)
    shown = ragqa("tokenizer", "inspect", "1000", "--corpus", str(HANDBOOK), "--terms", "3", cwd=place).out
    assert f"... and {learned['broken_terms'] - 3} more words are broken up" in shown
    assert "│".join(learned["terms"][0]["pieces"]) in shown


def test_tokens_that_share_a_character_stand_together() -> None:
    assert spans([(0, 3), (3, 5), (4, 5), (5, 6), (6, 6), (6, 7)]) == [(0, 3, 1), (3, 5, 2), (5, 6, 1), (6, 7, 1)]


def test_a_tokenizer_that_is_set_to_cut_texts_reads_them_whole(place: Path) -> None:
    path = place / "learned" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(path))
    assert len(load_tokenizer(str(place / "learned")).encode("at at at").ids) == 3


def test_a_model_that_is_only_a_gguf_file_has_its_tokenizer_in_it(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    file = write_gguf(tmp_path / "model" / "small.gguf")
    assert load_tokenizer(str(file)).get_vocab() == load_tokenizer(str(file.parent)).get_vocab()
    (tmp_path / "text.gguf").write_text("hello", encoding="utf-8")
    with pytest.raises(ModelError, match=r"text\.gguf"):
        load_tokenizer(str(tmp_path / "text.gguf"))


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="must be at least 257"):
        train_tokenizer(["text"], 256)


def test_the_configuration_beside_the_tokenizer_keeps_spaces(place: Path) -> None:
    config = json.loads((place / "learned" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["clean_up_tokenization_spaces"] is False
