"""`ragqa tokenizer`: trains a tokenizer on documents, and shows the tokens of texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.arguments import is_unicode
from ragqa.cli.common import json_option, set_option
from ragqa.cli.corpus import exit_if_rejected, open_corpus
from ragqa.cli.indexing import verbose_option
from ragqa.cli.terminal import escaped, print_json
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ragqa.train import Breakage

CUT = "│"
"""The mark between two tokens."""


@click.group("tokenizer")
def tokenizer_group() -> None:
    """Learn a tokenizer from documents, or see how one breaks up texts and the terms of a corpus.

    \b
    Examples:
      ragqa tokenizer train corpora/tarnwick/documents --vocab-size 2000 --out .ragqa/tokenizer
      ragqa tokenizer inspect smollm2-135m-instruct --corpus corpora/tarnwick/documents
    """


@tokenizer_group.command("train")
@click.argument("corpus", metavar="FOLDER|FILE")
@click.option("--vocab-size", type=click.IntRange(min=257), default=8192, show_default=True, metavar="N", help="Most tokens; 257 are the bytes and the end of text.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where the tokenizer is written.")  # fmt: skip
@click.option("--force", is_flag=True, help="Write into a folder that holds something; its tokenizer is replaced.")
@verbose_option
@set_option
@json_option
def train(corpus: str, vocab_size: int, out: Path, force: bool, as_json: bool, **reading: Any) -> None:
    """Learn a byte-level BPE tokenizer from documents, and write it as `AutoTokenizer.from_pretrained` loads it.

    FOLDER holds documents; FILE is a pipeline file, whose documents are meant, or one document; --set changes how they
    are loaded. Any text can be written without loss. Exit code 3 says that some files were rejected; they are named on
    stderr.

    \b
    Examples:
      ragqa tokenizer train corpora/tarnwick/documents --vocab-size 2000 --out .ragqa/tokenizer
      ragqa tokenizer train pipelines/quickstart.yaml --vocab-size 2000 --out .ragqa/tokenizer --force --json
      ragqa tokenizer train corpora/tarnwick/documents --set "load.include=['**/*.md']" --out .ragqa/tokenizer-md
    """
    from ragqa.train import check_tokenizer_folder, save_tokenizer, train_tokenizer

    check_tokenizer_folder(out, force=force)
    documents = open_corpus(corpus, **reading)
    texts = [document.text for document in documents]
    tokenizer = train_tokenizer(texts, vocab_size)
    save_tokenizer(tokenizer, out, force=force)
    learned, characters = tokenizer.get_vocab_size(), sum(map(len, texts))
    if learned < vocab_size:
        click.echo(f"{learned:,} tokens instead of {vocab_size:,}: no pair of tokens is left that stands twice", err=True)  # fmt: skip
    if as_json:
        print_json({"out": str(out), "vocabulary": learned, "documents": len(texts), "characters": characters})
    else:
        click.echo(f"{escaped(str(out))}: {learned:,} tokens from {len(texts):,} documents, {characters:,} characters")
    exit_if_rejected(documents)


@tokenizer_group.command("inspect")
@click.argument("name", metavar="TOKENIZER")
@click.option("--text", metavar="TEXT", help="Show the tokens of this text.")
@click.option("--corpus", metavar="FOLDER|FILE", help="Show which words of these documents are broken up, and how badly.")  # fmt: skip
@click.option("--terms", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="How many words of the corpus to list.")  # fmt: skip
@verbose_option
@set_option
@json_option
def inspect(name: str, text: str | None, corpus: str | None, terms: int, as_json: bool, **reading: Any) -> None:
    """Show how a tokenizer breaks up a text, or the words of a corpus; the words that cost most tokens come first.

    TOKENIZER is a folder with a tokenizer.json, or the name or folder of a model. The tokens that a model puts around
    every text are left out. A word costs the tokens beyond its first, each time that it stands in the corpus. --set
    changes how the corpus is loaded.

    \b
    Examples:
      ragqa tokenizer inspect smollm2-135m-instruct --text "The ferry to Sandrigg"
      ragqa tokenizer inspect all-minilm-l6-v2 --corpus corpora/tarnwick/documents --terms 10
      ragqa tokenizer inspect all-minilm-l6-v2 --corpus pipelines/quickstart.yaml --json
    """
    from ragqa.train import broken_terms, load_tokenizer

    if text is not None and not is_unicode(text):
        raise UsageError("--text: it is not UTF-8, and a tokenizer reads nothing else")
    if reading["overrides"] and corpus is None:
        raise UsageError("--set: it changes how the documents of --corpus are loaded; give --corpus")
    documents = None if corpus is None else open_corpus(corpus, **reading)
    tokenizer = load_tokenizer(name)
    special = sum(token.special for token in tokenizer.get_added_tokens_decoder().values())
    about: dict[str, Any] = {"tokenizer": name, "vocabulary": tokenizer.get_vocab_size(), "special": special}
    lines = [escaped(f"{name}: {about['vocabulary']:,} tokens, {special:,} of them special")]
    if text is not None:
        about["text"] = _tokens(tokenizer, text)
        lines += ["", *_token_lines(tokenizer, text)]
    if documents is not None:
        breakage = broken_terms(tokenizer, (document.text for document in documents))
        about["corpus"] = _breakage(breakage, terms)
        lines += ["", *_breakage_lines(breakage, terms)]
    if as_json:
        print_json(about)
    else:
        click.echo("\n".join(lines))
    if documents is not None:
        exit_if_rejected(documents)


def _tokens(tokenizer: Tokenizer, text: str) -> dict[str, Any]:
    encoding = tokenizer.encode(text, add_special_tokens=False)
    rows = zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
    tokens = [{"id": number, "token": token, "start": start, "end": end} for number, token, (start, end) in rows]
    return {"characters": len(text), "tokens": tokens}


def _token_lines(tokenizer: Tokenizer, text: str) -> Iterator[str]:
    """Yield the text with marks between tokens, then each token as in the vocabulary, with the characters it covers."""
    from ragqa.train import spans

    tokens = _tokens(tokenizer, text)["tokens"]
    shown = spans([(token["start"], token["end"]) for token in tokens])
    yield CUT.join(escaped(text[start:end]) + (f"×{n}" if n > 1 else "") for start, end, n in shown)
    yield f"{len(tokens):,} tokens, {len(text):,} characters"
    yield f"{'id':>8}  {'characters':>11}  token"
    for token in tokens:
        where = f"{token['start']}-{token['end']}"
        yield f"{token['id']:>8}  {where:>11}  {escaped(token['token'])}"


def _breakage(breakage: Breakage, terms: int) -> dict[str, Any]:
    listed = [asdict(term) | {"lost": term.lost} for term in breakage.terms[:terms]]
    return asdict(breakage) | {"broken_terms": len(breakage.terms), "terms": listed}


def _breakage_lines(breakage: Breakage, terms: int) -> Iterator[str]:
    yield f"{breakage.documents:,} documents, {breakage.characters:,} characters, {breakage.words:,} words, {breakage.tokens:,} tokens"
    yield (
        f"{breakage.fertility:.2f} tokens a word, {breakage.whole:.1%} of words are one token, "
        f"{breakage.characters_per_token:.2f} characters a token"
    )
    yield f"{breakage.unknown:,} tokens are unknown, {breakage.partial:,} hold a part of a character"
    if shown := breakage.terms[:terms]:
        yield f"\n{'lost':>8}  {'count':>8}  {'tokens':>6}  term"
    for term in shown:
        broken = CUT.join(map(escaped, term.pieces))
        yield f"{term.lost:>8,}  {term.count:>8,}  {term.tokens:>6.2f}  {broken}"
    if more := len(breakage.terms) - len(shown):
        yield f"... and {more:,} more words are broken up; --terms N lists more"
