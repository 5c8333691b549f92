"""`ragqa init`: a commented pipeline file for a folder."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from pathlib import Path

import click

from ragqa.cli.common import json_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json
from ragqa.config.grid import quoted
from ragqa.errors import NothingUsableError, UsageError
from ragqa.load import MEDIA_TYPES
from ragqa.outputs import write_new

FILE = """\
# A ragqa pipeline. `ragqa check` finds every mistake in it; docs/pipeline.md lists every key.
version: 1

# What is read: {found}. Globs in `include` and `exclude` narrow it down.
load:     {{kind: folder, path: {folder}}}

# Chunks of at most 200 of the embedder's tokens, each repeating up to 40 of the one before. For Markdown: kind: markdown.
split:    {{kind: recursive, chunk_size: 200, overlap: 40}}

# The model that turns text into vectors. Another one needs `ragqa index --rebuild`.
embed:    {{kind: mean_pool, model: all-minilm-l6-v2}}

# Where the index lives. It can be deleted at any time and built again.
index:    {{kind: faiss, path: {index}}}

# Meaning (dense) and words (lexical) together; the best top_k chunks go into the prompt. The smallest generator reads
# one passage better than several; give a stronger one 3 to 5.
retrieve: {{kind: hybrid, top_k: {top_k}}}

# How the model is asked: qa, chat, summarize, extract, or the path of a template of your own.
prompt:   {{kind: in_context, template: qa}}

# The model that writes the answer. Stronger, slower: qwen2.5-coder-1.5b-instruct.
generate: {{kind: causal_lm, model: smollm2-135m-instruct, max_new_tokens: 96}}

# Questions with known answers, for `ragqa eval`:
# evaluate: {{kind: jsonl, path: questions.jsonl}}
"""
TOP_K = 1


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--output", default="ragqa.yaml", show_default=True, metavar="FILE", help="The file to write.")
@json_option
def write_pipeline_file(folder: str, output: str, as_json: bool) -> None:
    """Write a commented pipeline file for the documents of a folder (default: this one), and say what to do next.

    \b
    Example:
      ragqa init corpora/tarnwick/documents --output tarnwick.yaml
    """
    root, file = Path(folder), Path(output)
    if not root.is_dir():
        raise UsageError(f"folder not found: {root}")
    if any("\ud800" <= character <= "\udfff" for character in f"{root.resolve()}{file.absolute()}"):
        raise UsageError(f"{root}: its name is not UTF-8, and a pipeline file cannot hold it: rename it")
    text = FILE.format(
        found=_found(root),
        folder=_quoted(root, file),
        index=_quoted(file.parent / ".ragqa" / (root.resolve().name or "root"), file),
        top_k=TOP_K,
    )
    write_new(file, text.encode("utf-8", "backslashreplace"))
    name = shlex.quote(str(file))
    following = [f"ragqa check {name}", f"ragqa index {name}", f'ragqa ask {name} "your question"']
    if as_json:
        print_json({"file": str(file), "next": following})
        return
    say(f"Wrote {file}. Next:")
    click.echo()
    for line in following:
        say(f"  {line}")


def _found(root: Path) -> str:
    """Return how many files of which types are there, as `index` will find them."""
    counts: Counter[str] = Counter()
    for _, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        counts.update(Path(name).suffix.lower() for name in files if not name.startswith("."))
    known = {suffix: n for suffix, n in counts.most_common() if suffix in MEDIA_TYPES}
    if not known:
        raise NothingUsableError(f"no documents found under {root}: ragqa reads {' '.join(MEDIA_TYPES)}")
    return ", ".join(f"{n} {suffix}" for suffix, n in known.items())


def _quoted(path: Path, file: Path) -> str:
    """Return a path as YAML text, relative to the pipeline file."""
    return quoted(os.path.relpath(path, file.absolute().parent))
