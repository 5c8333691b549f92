"""The documents of a folder or a pipeline file, for the commands that learn from texts or look at them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from ragqa.cli.common import say
from ragqa.cli.opening import open_pipeline
from ragqa.errors import NothingUsableError, RejectedError
from ragqa.records import Document, SourceFile


class Corpus:
    """The documents of a folder, of a pipeline file or of one file, as `ragqa index` would read them.

    A content that stands under several names counts once. Files that are not used are named on stderr.

    :raises UsageError: there is nothing of this name, or it is a pipeline file with mistakes.
    """

    def __init__(self, source: str, overrides: Sequence[str] = ()) -> None:
        self._loader = open_pipeline(source, overrides).loader
        self._source, self._rejected = source, 0

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents.

        :raises NothingUsableError: at the end, where there was none.
        """
        scan = self._loader.scan()
        for other in scan.others:
            self._leave_out(other.status, other.source, other.reason)
        contents: dict[str, SourceFile] = {}
        for file in scan.files:
            contents.setdefault(file.document_id, file)
        used = 0
        for file in contents.values():
            try:
                document = self._loader.read(file)
            except RejectedError as error:
                self._leave_out("rejected", file.source, str(error))
                continue
            used += 1
            yield document
        if not used:
            raise NothingUsableError(f"no documents found under {self._source}: no file could be used")

    def _leave_out(self, status: str, source: str, reason: str) -> None:
        say(f"{status}: {source}: {reason}", err=True)
        self._rejected += status == "rejected"

    def end(self) -> None:
        """End the command by exit code 3 where a file was rejected."""
        if self._rejected:
            sys.exit(3)
