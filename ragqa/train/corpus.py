"""The documents from which a model or a tokenizer learns, as `ragqa index` would read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ragqa.errors import NothingUsableError, RejectedError
from ragqa.records import Document, FileStatus, SourceFile
from ragqa.stages import Loader


class Corpus:
    """The documents of a loader. Files with the same content count once.

    After an iteration, `left_out` contains the files that were not used.

    :param source: the name of the documents' place in errors.
    :param on_end: called with `left_out` at the end of an iteration, before an error for no documents.
    """

    def __init__(
        self, loader: Loader, source: str, on_end: Callable[[Sequence[FileStatus]], None] = lambda left_out: None
    ) -> None:
        self._loader, self._source, self._on_end = loader, source, on_end
        self.left_out: tuple[FileStatus, ...] = ()

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents, in the order of their sources.

        :raises NothingUsableError: there was no document; raised at the end.
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
        """Return the number of files that were rejected in the last iteration."""
        return sum(entry.status == "rejected" for entry in self.left_out)
