"""The main process's side of OCR: finds out which engine there is, and completes documents that lack pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import accumulate, pairwise
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from ragqa.errors import NoTextError, RejectedError
from ragqa.load.ocr.bounds import OcrLimits
from ragqa.records import Extracted
from ragqa.sandbox import Sandbox, language_data

INSTALL = "`pip install 'ragqa[ocr]'` reads scans"
_SWITCHED_OFF = "`load.ocr: auto` reads scans"
_REPLY_BYTES = 64 << 20
_ALWAYS_NEEDED, _OWN_ENGINE = ("PIL", "pypdfium2"), ("rapidocr", "onnxruntime")


@dataclass(frozen=True, slots=True)
class _Page:
    """What the child read of a page: its text and the confidence, or why it was not read."""

    text: str = ""
    confidence: float = 0.0
    fault: str = ""


_PAGES = TypeAdapter(dict[int, _Page])
_FOUND = TypeAdapter(dict[str, str])


class Ocr:
    """Reads the pages without text by an engine, where the extra `ocr` is installed.

    :param mode: `auto` or `off`, as in a pipeline file.
    :param languages: those that Tesseract is to know.
    """

    def __init__(
        self,
        mode: Literal["auto", "off"] = "auto",
        languages: Sequence[str] = ("eng",),
        limits: OcrLimits | None = None,
    ) -> None:
        self._mode, self._languages, self._limits = mode, list(languages), limits or OcrLimits()

    def close(self) -> None:
        """End the child process that reads pages, if one runs."""
        if self.is_on:
            _sandbox(self._limits).close()

    @property
    def is_on(self) -> bool:
        """Tell whether the extra is installed and switched on. An engine is not loaded for that."""
        return self._mode == "auto" and is_installed()

    @property
    def engine(self) -> str:
        """Return the name and version of the engine and its languages; empty where there is none."""
        return self._found.get("engine", "")

    @property
    def advice(self) -> str:
        """Return how scans can be read; empty where they are."""
        if self._mode == "off":
            return _SWITCHED_OFF
        return self._found.get("missing", "") if is_installed() else INSTALL

    @cached_property
    def _found(self) -> dict[str, str]:
        """What the child found: an engine, or what is missing."""
        if not self.is_on:
            return {}
        try:
            return _FOUND.validate_python(
                _sandbox(self._limits).call("ragqa.load.ocr.engines:find", languages=self._languages)
            )
        except (RejectedError, ValidationError) as error:
            return {"missing": f"OCR: {error}"}

    def completed(
        self, extracted: Extracted, media_type: str, content: Callable[[], bytes], passwords: Sequence[str] = ()
    ) -> Extracted:
        """Return a document with the texts of its pages without text.

        Metadata: `pages_without_text` are those that still have none. `ocr` has the `engine`, the confidence by page in
        `pages`, the reason by page in `faults`, and the number of pages in `left` that were beyond the limit; where
        there is no engine, only the `advice`.

        :param content: returns the bytes of the file.
        :param passwords: tried on an encrypted file.
        :raises NoTextError: the engine read all pages, and the document has no text.
        :raises RejectedError: the engine failed, and the document has no text.
        """
        numbers = extracted.metadata.get("pages_without_text", [])
        if not numbers:
            return extracted
        if not self.engine:
            return replace(extracted, metadata={**extracted.metadata, "ocr": {"advice": self.advice}})
        tried = numbers[: self._limits.pages]
        found = self._read(content(), media_type, tried, passwords)
        return merged(extracted, found, self.engine, len(numbers) - len(tried))

    def _read(
        self, data: bytes, media_type: str, numbers: Sequence[int], passwords: Sequence[str] = ()
    ) -> dict[int, _Page]:
        """Return what was read of pages. After a call that failed, each page has a call of its own."""
        found: dict[int, _Page] = {}
        left, most = list(numbers), len(numbers)
        while left:
            batch = left[:most]
            try:
                pages = self._call(data, media_type, batch, passwords)
            except RejectedError as error:
                most = 1
                if len(batch) > 1:
                    continue
                pages = {batch[0]: _Page(fault=str(error))}
            found |= pages
            left = [each for each in left if each not in pages]
        return found

    def _call(self, data: bytes, media_type: str, numbers: Sequence[int], passwords: Sequence[str]) -> dict[int, _Page]:
        reply = _sandbox(self._limits).call(
            "ragqa.load.ocr.pages:read",
            data,
            media_type=media_type,
            pages=list(numbers),
            name=self.engine,
            languages=self._languages,
            limits=asdict(self._limits),
            passwords=list(passwords),
        )
        try:
            pages = _PAGES.validate_python(reply)
        except ValidationError:
            raise RejectedError("the reply is malformed") from None
        if numbers[0] not in pages or not pages.keys() <= set(numbers):
            raise RejectedError("the reply is malformed")
        return pages


@cache
def _sandbox(limits: OcrLimits) -> Sandbox:
    """Return the sandbox that reads pages. It is another one than that of the parsers, whose limits are lower."""
    return Sandbox(seconds=limits.call_seconds, memory_bytes=limits.memory_bytes, reply_bytes=_REPLY_BYTES)


def is_installed() -> bool:
    """Tell whether what draws pages is installed, and an engine or language data of one."""
    if not all(find_spec(name) for name in _ALWAYS_NEEDED):
        return False
    return all(find_spec(name) for name in _OWN_ENGINE) or bool(language_data.files())


def merged(extracted: Extracted, found: Mapping[int, _Page], engine: str, left: int) -> Extracted:
    """Return a document with the texts of pages. Lines that a page has already, of its form fields, come after them.

    :param left: the number of pages that were not tried.
    :raises NoTextError: all pages were read, and the document has no text.
    :raises RejectedError: pages could not be read, and the document has no text.
    """
    ends = (*extracted.page_starts[1:], len(extracted.text) + 1)
    pages = [extracted.text[start : end - 1] for start, end in pairwise((0, *ends))]
    for number, page in found.items():
        pages[number - 1] = "\n".join(filter(None, (page.text.replace("\f", "\n"), pages[number - 1])))
    read = {str(number): page.confidence for number, page in found.items() if page.text.strip()}
    faults = {str(number): page.fault for number, page in found.items() if page.fault}
    if not any(page.strip() for page in pages):
        raise (RejectedError if faults else NoTextError)(_no_text(len(pages), faults, engine))
    ocr: dict[str, Any] = {"engine": engine, "pages": read, "faults": faults, "left": left}
    blank = [each for each in extracted.metadata["pages_without_text"] if str(each) not in read]
    metadata = {name: value for name, value in extracted.metadata.items() if name != "pages_without_text"}
    metadata |= {"pages_without_text": blank} if blank else {}
    metadata["ocr"] = {name: value for name, value in ocr.items() if value or name == "pages"}
    starts = tuple(accumulate((len(page) + 1 for page in pages[:-1]), initial=0))
    return replace(extracted, text="\f".join(pages), page_starts=starts, metadata=metadata)


def _no_text(count: int, faults: Mapping[str, str], engine: str) -> str:
    if faults:
        number, why = next(iter(faults.items()))
        return f"no text on {count} of {count} pages: OCR failed on {len(faults):,} of them (page {number}: {why})"
    return f"no text on {count} of {count} pages, by OCR ({engine}) neither"
