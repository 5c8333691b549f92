"""The requirements on every `Loader`, as tests to inherit; see `ragqa.testing`."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

from ragqa.errors import RejectedError
from ragqa.records import Document
from ragqa.stages import Loader

_SHA256 = re.compile("[0-9a-f]{64}")


class LoaderContract(ABC):
    """Tests of a loader that finds at least two readable documents."""

    @abstractmethod
    def make(self) -> Loader:
        """Return the loader; each call returns one over the same documents."""

    def documents(self) -> list[Document]:
        """Return the documents that can be read; the others are rejected."""
        loader = self.make()
        documents = []
        for file in loader.scan().files:
            try:
                documents.append(loader.read(file))
            except RejectedError as error:
                assert str(error).strip(), f"{file.source} is rejected without a reason"
        assert len(documents) >= 2, f"`make` needs two documents or more to be tested with; it has {len(documents)}"
        return documents

    def test_sources_name_one_file_each(self) -> None:
        """A source is the key of a file in the index, and answers cite it."""
        scan = self.make().scan()
        sources = [file.source for file in scan.files] + [entry.source for entry in scan.others]
        assert all(sources), "every file has a source"
        assert len(sources) == len(set(sources)), f"two files have the same source: {sorted(sources)}"

    def test_scans_agree_and_tell_the_content_by_its_hash(self) -> None:
        """`ragqa index` reads only files whose hash has changed since the last run."""
        scan = self.make().scan()
        assert self.make().scan() == scan, "two scans of the same documents differ"
        for file in scan.files:
            assert _SHA256.fullmatch(file.sha256), f"{file.source}: sha256 must be 64 hexadecimal digits"
            assert file.size >= 0 and file.media_type, f"{file.source} has no size, or no media type"

    def test_what_is_left_out_says_why(self) -> None:
        """`ragqa index` lists each with its reason, and ends with exit code 3 where one was rejected."""
        for entry in self.make().scan().others:
            assert entry.status in ("rejected", "skipped"), f"{entry.source}: unknown status {entry.status!r}"
            assert entry.reason.strip(), f"{entry.source} is {entry.status} without a reason"

    def test_a_document_is_that_of_its_file(self) -> None:
        """The index finds a document by its id, which follows from content and media type."""
        loader = self.make()
        files = {file.source: file for file in loader.scan().files}
        for document in self.documents():
            file = files[document.source]
            assert document.id == file.document_id, f"{file.source}: the id must be `file.document_id`"
            assert (document.sha256, document.media_type) == (file.sha256, file.media_type)
            assert document.extractor == loader.extractor(file.media_type) != "", (
                f"{file.source}: `extractor` of the document and of the loader must be the same"
            )

    def test_a_document_can_be_stored(self) -> None:
        """A document is stored as UTF-8, its metadata as JSON; a blank one has no chunks and has to be rejected."""
        for document in self.documents():
            assert document.text.strip(), f"{document.source} is blank: raise `RejectedError`"
            document.text.encode()
            json.dumps(dict(document.metadata), allow_nan=False, ensure_ascii=False).encode()

    def test_pages_begin_in_order(self) -> None:
        """A citation gives the page that its offset is on."""
        for document in self.documents():
            starts = document.page_starts
            assert list(starts) == sorted(starts), f"{document.source}: page_starts must ascend"
            assert not starts or (starts[0] == 0 and starts[-1] <= len(document.text)), (
                f"{document.source}: page 1 begins at 0, and no page behind the text"
            )

    def test_another_thread_reads_the_same(self) -> None:
        """Files are read ahead, in a thread of their own, while texts are embedded."""
        loader = self.make()
        documents = self.documents()
        files = {file.source: file for file in loader.scan().files}
        with ThreadPoolExecutor(1) as thread:
            again = list(thread.map(lambda document: loader.read(files[document.source]), documents))
        assert again == documents, "a document read in another thread differs"
