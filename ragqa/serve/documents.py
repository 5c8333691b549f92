"""What is indexed: the list of documents, the text around a span, and the file of a PDF document."""

from __future__ import annotations

import asyncio
import re
from typing import IO, TYPE_CHECKING, Any

from ragqa.errors import UsageError
from ragqa.load.formats import PDF
from ragqa.records import Document, fields_of, unread
from ragqa.records.places import confidences
from ragqa.serve.errors import HttpError
from ragqa.serve.replies import FileReply, as_json
from ragqa.serve.service import Service
from ragqa.serve.tables import table_around

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ragqa.pipeline.answer.sources import Stamp
    from ragqa.stages import IndexReader

MOST_AROUND = 20_000
AROUND = 2_000
"""How many characters before and after a span are shown, where the request does not say."""
MOST_LISTED, LISTED = 200, 50
"""How many documents are listed at a time: at most, and where the request does not say."""
MOST_REJECTED = 1_000
"""The most rejected files that are listed; `rejected_total` counts them all."""
_ID = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


class Documents:
    """The handlers of `/api/documents`. No request names a file: an id is looked up in the index."""

    def __init__(self, service: Service) -> None:
        self._pipeline = service.pipeline

    async def documents(self, request: Request) -> Response:
        """Return the indexed documents in the order of their sources, and the files that could not be used."""
        offset, limit = _number(request, "offset", 0), _number(request, "limit", LISTED)
        if limit > MOST_LISTED:
            raise HttpError(422, f"limit: must be at most {MOST_LISTED}", param="limit")
        return as_json(await asyncio.to_thread(self._list, offset, limit))

    async def document(self, request: Request) -> Response:
        """Return the text of an indexed document around a span: `before`, `marked` and `after`, which are cut here.

        Offsets are in code points, which programs in some languages cannot count. CSV files and sheets have `table` too.
        """
        id_ = _id(request)
        start, around = _number(request, "start", 0), _number(request, "around", AROUND)
        end = _number(request, "end", start)
        if around > MOST_AROUND:
            raise HttpError(422, f"around: must be at most {MOST_AROUND}", param="around")
        return as_json(await asyncio.to_thread(self._read, id_, start, end, around))

    async def document_file(self, request: Request) -> Response:
        """Return the file of a PDF document, if it still has the bytes that were indexed."""
        return FileReply(*await asyncio.to_thread(self._open_pdf, _id(request)), PDF)

    def _list(self, offset: int, limit: int) -> dict[str, Any]:
        with self._pipeline.open_index() as reader:
            names: dict[str, str] = {}
            for source, id_ in sorted(reader.sources().items()):
                names.setdefault(id_, source)
            rejected = sorted((source, reason) for source, (_, reason) in reader.rejected().items())
            return {
                "generation": reader.generation,
                "total": len(names),
                "documents": [_listed(reader, id_) for id_ in list(names)[offset : offset + limit]],
                "rejected": [{"source": source, "reason": reason} for source, reason in rejected[:MOST_REJECTED]],
                "rejected_total": len(rejected),
            }

    def _read(self, id_: str, start: int, end: int, around: int) -> dict[str, Any]:
        with self._pipeline.open_index() as reader:
            return _segments(found(reader, id_), start, end, around) | {"generation": reader.generation}

    def _open_pdf(self, id_: str) -> tuple[IO[bytes], Stamp]:
        with self._pipeline.open_index() as reader:
            if found(reader, id_).media_type != PDF:
                raise HttpError(404, "only the files of PDF documents are sent", "no_file", "id")
            sha256, sources = reader.copies(id_)
        for source in sources:
            if file := self._pipeline.files.opened(source, sha256):
                return file
        raise HttpError(410, "the file was changed or removed after it was indexed", "file_changed", "id")


def found(reader: IndexReader, id_: str) -> Document:
    """Return a document.

    :raises HttpError: the index has none of this id.
    """
    try:
        return reader.document(id_)
    except UsageError:
        raise _no_document() from None


def _listed(reader: IndexReader, id_: str) -> dict[str, Any]:
    """Return what is known of a document, without its text."""
    document = reader.document(id_)
    pages, metadata = len(document.page_starts), document.metadata
    return {
        "id": id_,
        "source": document.source,
        "title": document.title,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "size": len(document.text),
        "pages": pages or None,
        "chunks": len(reader.chunks(id_)),
        "fields": fields_of(metadata),
        "ocr_pages": len(confidences(metadata)),
        "unread": list(unread(document.media_type, metadata, pages)),
    }


def _segments(document: Document, start: int, end: int, around: int) -> dict[str, Any]:
    """Return a document's text around a span, and what is known of it."""
    size = len(document.text)
    if not 0 <= start <= end <= size:
        raise HttpError(422, f"start, end: must be a span within the text of {size} characters", param="start")
    if end - start > MOST_AROUND:
        raise HttpError(422, f"end: a span has at most {MOST_AROUND} characters", param="end")
    low, high = max(0, start - around), min(size, end + around)
    text, table = document.text, table_around(document, start, end, around)
    return {
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "size": size,
        "page": document.page_of(start),
        "place": document.place_of(start),
        "start": low,
        "end": high,
        "segments": {"before": text[low:start], "marked": text[start:end], "after": text[end:high]},
        **({"table": table} if table else {}),
    }


def _id(request: Request) -> str:
    """Return the id of a request, which has the form of one."""
    id_ = str(request.path_params["id"])
    if not _ID.fullmatch(id_):
        raise _no_document()
    return id_


def _number(request: Request, name: str, default: int) -> int:
    values = request.query_params.getlist(name)
    if not values:
        return default
    if len(values) > 1 or not _NUMBER.fullmatch(values[0]):
        raise HttpError(422, f"{name}: must be one whole number, 0 or more", param=name)
    return int(values[0])


def _no_document() -> HttpError:
    return HttpError(404, "no document of this index has this id: search again", "document_not_found", param="id")
