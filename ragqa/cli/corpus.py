"""The documents of a folder or a pipeline file, for the commands that train on texts or inspect them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ragqa.cli.indexing import print_left_out
from ragqa.cli.opening import open_pipeline

if TYPE_CHECKING:
    from ragqa.train import Corpus


def open_corpus(source: str, overrides: Sequence[str] = (), *, verbose: bool = False) -> Corpus:
    """Open the documents of a folder, of a pipeline file or of one file; files that are not used are listed on stderr.

    :param verbose: list every such file, also where many have the same reason.
    :raises UsageError: the path does not exist, or is a pipeline file with mistakes.
    """
    loader = open_pipeline(source, overrides).components.loader
    from ragqa.train import Corpus

    return Corpus(loader, source, partial(print_left_out, verbose=verbose))


def exit_if_rejected(corpus: Corpus) -> None:
    """End the command with exit code 3 where a file of the corpus was rejected."""
    if corpus.rejected:
        sys.exit(3)
