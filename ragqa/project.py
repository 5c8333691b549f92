"""Writes the first pipeline file for a folder of documents, with a comment for each section."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ragqa import arguments
from ragqa.arguments import AnyPath
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


@dataclass(frozen=True, slots=True)
class Project:
    """A newly written pipeline file.

    :param file: the pipeline file.
    :param folder: the folder that it loads.
    :param file_types: the number of files of each suffix in the folder, the most frequent first.
    """

    file: Path
    folder: Path
    file_types: Mapping[str, int]


def init(folder: AnyPath = ".", output: AnyPath = "ragqa.yaml") -> Project:
    """Write a pipeline file for the documents of a folder. An existing file is never replaced.

    :raises UsageError: there is no such folder, its name is not UTF-8, or the output exists or cannot be written.
    :raises NothingUsableError: the folder has no document.
    :raises ResourceError: the disk is full.
    """
    root, file = arguments.path(folder, "folder"), arguments.path(output, "output")
    if not root.is_dir():
        raise UsageError(f"folder not found: {root}")
    if not arguments.is_unicode(f"{root.resolve()}{file.absolute()}"):
        raise UsageError(f"{root}: its name is not UTF-8, and a pipeline file cannot hold it: rename it")
    file_types = _count_files(root)
    text = FILE.format(
        found=", ".join(f"{n} {suffix}" for suffix, n in file_types.items()),
        folder=_relative(root, file),
        index=_relative(file.parent / ".ragqa" / (root.resolve().name or "root"), file),
        top_k=TOP_K,
    )
    write_new(file, text.encode("utf-8", "backslashreplace"))
    return Project(file, root, file_types)


def _count_files(root: Path) -> dict[str, int]:
    """Return the number of files by suffix, as `ragqa index` will find them."""
    counts: Counter[str] = Counter()
    for _, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        counts.update(Path(name).suffix.lower() for name in files if not name.startswith("."))
    readable = {suffix: n for suffix, n in counts.most_common() if suffix in MEDIA_TYPES}
    if not readable:
        raise NothingUsableError(f"no documents found under {root}: ragqa reads {' '.join(MEDIA_TYPES)}")
    return readable


def _relative(path: Path, file: Path) -> str:
    """Return a path as YAML text, relative to the pipeline file."""
    return quoted(os.path.relpath(path, file.absolute().parent))
