"""The documents that a model or a tokenizer learns from, as `ragqa index` would read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ragqa.errors import NothingUsableError, RejectedError
from ragqa.records import Document, FileStatus, SourceFile
from ragqa.stages import Loader


class Corpus:
    """The documents that a loader finds; a content that has several names counts once.

    `left_out` has the files that were not used, from the end of an iteration on.

    :param source: what errors call the place of the documents.
    :param on_end: is given `left_out` at the end of an iteration, before it may raise.
    """

    def __init__(
        self, loader: Loader, source: str, on_end: Callable[[Sequence[FileStatus]], None] = lambda left_out: None
    ) -> None:
        self._loader, self._source, self._on_end = loader, source, on_end
        self.left_out: tuple[FileStatus, ...] = ()

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents, in the order of their sources.

        :raises NothingUsableError: at the end, where there was none.
        """
        scan = self._loader.scan()
        left_out = list(scan.others)
        contents: dict[str, SourceFile] = {}
        for file in scan.files:
            contents.setdefault(file.document_id, file)
        used = 0
        for file in contents.values():
            try:
                document = self._loader.read(file)
            except RejectedError as error:
                left_out.append(FileStatus(file.source, "rejected", str(error)))
                continue
            used += 1
            yield document
        self.left_out = tuple(left_out)
        self._on_end(self.left_out)
        if not used:
            raise NothingUsableError(f"no documents found under {self._source}: no file could be used")

    @property
    def rejected(self) -> int:
        """Return how many files were rejected in the last iteration."""
        return sum(entry.status == "rejected" for entry in self.left_out)
