"""The documents of a folder or a pipeline file, for the commands that learn from texts or look at them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from ragqa.cli.indexing import print_left_out
from ragqa.cli.opening import open_pipeline
from ragqa.errors import NothingUsableError, RejectedError
from ragqa.records import Document, FileStatus, SourceFile


class Corpus:
    """The documents of a folder, of a pipeline file or of one file, as `ragqa index` would read them.

    A content that stands under several names counts once. Files that are not used are named on stderr at the end.

    :param verbose: name every one of them, however many have the same reason.
    :raises UsageError: there is nothing of this name, or it is a pipeline file with mistakes.
    """

    def __init__(self, source: str, overrides: Sequence[str] = (), *, verbose: bool = False) -> None:
        self._loader = open_pipeline(source, overrides).components.loader
        self._source, self._verbose = source, verbose
        self._left_out: list[FileStatus] = []

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents.

        :raises NothingUsableError: at the end, where there was none.
        """
        scan = self._loader.scan()
        self._left_out = list(scan.others)
        contents: dict[str, SourceFile] = {}
        for file in scan.files:
            contents.setdefault(file.document_id, file)
        used = 0
        for file in contents.values():
            try:
                document = self._loader.read(file)
            except RejectedError as error:
                self._left_out.append(FileStatus(file.source, "rejected", str(error)))
                continue
            used += 1
            yield document
        print_left_out(self._left_out, verbose=self._verbose)
        if not used:
            raise NothingUsableError(f"no documents found under {self._source}: no file could be used")

    def end(self) -> None:
        """End the command by exit code 3 where a file was rejected."""
        if any(entry.status == "rejected" for entry in self._left_out):
            sys.exit(3)
