"""Formats that are ready to read files: the built-in ones in the sandbox, a user's own in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ragqa.arguments import wrong_type
from ragqa.errors import RejectedError, UsageError
from ragqa.load.bounds import Limits
from ragqa.load.extract import checked
from ragqa.load.formats import CONTAINERS, FORMATS, IMAGE, Format
from ragqa.load.ocr.completing import Ocr
from ragqa.records import Extracted
from ragqa.sandbox import Sandbox
from ragqa.stages import FileFormat

_EXTRACTED = TypeAdapter(Extracted)
NO_TEXT = "no text on"
"""The beginning of the reason why a file whose pages have no text is not read."""
Secrets = Mapping[str, Callable[[], list[str]]]


@cache
def sandbox(limits: Limits) -> Sandbox:
    """Return the sandbox for these limits. All loaders of this process share it, so that its child is started once."""
    reply_bytes = 4 * limits.characters  # UTF-8
    return Sandbox(seconds=limits.seconds, memory_bytes=limits.memory_bytes, reply_bytes=reply_bytes)


class SandboxedFormat:
    """A built-in format; its function runs in the sandbox.

    :param options: keys of the `load` section.
    :param secrets: functions that return the values of further ones, which the index does not record. They are called
        for each file.
    :param ocr: reads pages without text; None where they are left without.
    """

    def __init__(
        self,
        record: Format,
        limits: Limits,
        options: Mapping[str, str | None],
        secrets: Secrets | None = None,
        ocr: Ocr | None = None,
    ) -> None:
        self.media_type = record.media_type
        self.suffixes = record.suffixes
        self._record, self._limits, self._given = record, limits, options
        self._secrets = {name: secrets[name] for name in record.secrets} if secrets else {}
        self._ocr = ocr if "ocr" in record.options else None

    @property
    def options(self) -> dict[str, Any]:
        """Return the keywords of the format's function, secrets included.

        :raises UsageError: a secret cannot be read.
        """
        return self._recorded | {name: values() for name, values in self._secrets.items()}

    @cached_property
    def _recorded(self) -> dict[str, str | None]:
        """The keywords that the index records. The engine for OCR is sought when they are first needed."""
        engine = self._ocr.engine if self._ocr else ""
        given = {**self._given, "ocr": engine or None}
        return {name: given[name] for name in self._record.options}

    @cached_property
    def extractor(self) -> str:
        """Return the name and version of the extractor, that of an engine for OCR included."""
        return self._record.extractor_with(self._recorded)

    def read(self, data: bytes) -> Extracted:
        """Return the text of a file.

        :raises RejectedError: the function refused the file, took too long or too much memory, or crashed.
        """
        return self.completed(lambda: self._extracted(data), lambda: data)

    def completed(self, extract: Callable[[], Extracted], content: Callable[[], bytes]) -> Extracted:
        """Return the text of a file with its pages that are read by OCR.

        :param extract: returns the text without them.
        :param content: returns the bytes of the file.
        :raises RejectedError: as for `read`.
        """
        if self._ocr is None:
            return extract()
        try:
            extracted = extract()
        except RejectedError as error:
            if not str(error).startswith(NO_TEXT) or not self._ocr.advice:
                raise
            raise RejectedError(f"{error}; {self._ocr.advice}") from error
        passwords = self._secrets["passwords"]() if "passwords" in self._secrets else ()
        return self._ocr.completed(extracted, self.media_type, content, passwords)

    def _extracted(self, data: bytes) -> Extracted:
        reply = sandbox(self._limits).call(
            "ragqa.load.extract:extract",
            data,
            media_type=self.media_type,
            limits=asdict(self._limits),
            options=self.options,
        )
        try:
            return _EXTRACTED.validate_python(reply)
        except ValidationError:
            raise RejectedError("the parser's reply is malformed") from None


class CheckedFormat:
    """A user's own format. It runs in this process, since the sandbox cannot import it.

    Its text has the same bounds as that of a built-in format. Its time and its memory are not bounded.
    """

    def __init__(self, own: FileFormat, limits: Limits) -> None:
        self.media_type = own.media_type
        self.suffixes = tuple(own.suffixes)
        self.extractor = own.extractor
        self._own = own
        self._limits = limits

    def read(self, data: bytes) -> Extracted:
        """Return the text of a file.

        :raises RejectedError: the format refused the file, raised an error, or gave no text or too much.
        :raises UsageError: the result is not an `Extracted`, or its fields have wrong types.
        """
        try:
            extracted = self._own.read(data)
        except (RejectedError, MemoryError):
            raise
        except Exception as error:  # any error of the format rejects this one file, and must not end the run
            raise RejectedError(f"damaged: {type(error).__name__}: {' '.join(str(error).split())}"[:300]) from error
        name = type(self._own).__name__
        if not isinstance(extracted, Extracted):
            raise wrong_type(f"{name}.read", extracted, "back an Extracted (ragqa.records)")
        _check_fields(extracted, name)
        return checked(extracted, len(data), self._limits)


def readers(
    own: Sequence[FileFormat], limits: Limits, options: Mapping[str, str | None], secrets: Secrets, ocr: Ocr
) -> dict[str, FileFormat]:
    """Return the format by media type: the built-in formats and a user's own, which take precedence.

    Pictures are not among them where no OCR reads them.

    :param own: a format with the media type of a built-in format replaces it; one with the same suffix alone gets the
        files with this suffix.
    :raises UsageError: an own format is incomplete, or two of them have the same media type or suffix.
    """
    formats = [CheckedFormat(_complete(each), limits) for each in own]
    _refuse_repeats("media type", (each.media_type for each in formats))
    _refuse_repeats("suffix", (suffix for each in formats for suffix in each.suffixes))
    replaced = {each.media_type for each in formats}
    builtin: list[FileFormat] = [
        SandboxedFormat(each, limits, options, secrets, ocr)
        for each in FORMATS
        if each.media_type not in replaced and (ocr.is_on or each.media_type != IMAGE)
    ]
    return {each.media_type: each for each in [*builtin, *formats]}


def suffixes(formats: Mapping[str, FileFormat]) -> dict[str, str]:
    """Return the media type of each suffix that is read, those of files that hold others included.

    Where two formats have the same suffix, that of the last, which is a user's own.
    """
    holding = {suffix: each.media_type for each in CONTAINERS for suffix in each.suffixes}
    found = {suffix: each.media_type for each in formats.values() for suffix in each.suffixes}
    return found | {suffix: kind for suffix, kind in holding.items() if suffix not in found}


def containers(formats: Mapping[str, FileFormat]) -> list[str]:
    """Return the media types whose files hold others. A user's own format of such a type has the whole file."""
    own = {each.media_type for each in formats.values() if isinstance(each, CheckedFormat)}
    return [each.media_type for each in CONTAINERS if each.media_type not in own]


def _complete(own: FileFormat) -> FileFormat:
    """Return the format; refuse one that lacks a part, or whose names cannot be used."""
    name = own.__name__ if isinstance(own, type) else type(own).__name__
    if isinstance(own, type) or not isinstance(own, FileFormat):
        raise UsageError(
            f"formats: {name} is no file format; pass an object with media_type, suffixes, extractor and read(data)"
        )
    if not (isinstance(own.media_type, str) and own.media_type.count("/") == 1):
        raise UsageError(f"formats: {name}.media_type is {own.media_type!r}; must be one such as 'text/x-rst'")
    if not (isinstance(own.extractor, str) and own.extractor.strip()):
        raise UsageError(f"formats: {name}.extractor is {own.extractor!r}; must name what reads it, such as 'rst/1'")
    given = own.suffixes
    if isinstance(given, str) or not given or not all(_is_suffix(each) for each in given):
        raise UsageError(f"formats: {name}.suffixes is {given!r}; must be a tuple such as ('.rst',), in small letters")
    return own


def _is_suffix(value: Any) -> bool:
    """Tell whether a value is a possible `PurePath.suffix` of a file's name in lower case."""
    return isinstance(value, str) and value[:1] == "." and "." not in value[1:] and len(value) > 1 and value.islower()


def _refuse_repeats(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise UsageError(f"formats: two of them claim the {what} {value}; give each its own")
        seen.add(value)


def _check_fields(extracted: Extracted, name: str) -> None:
    """Refuse an `Extracted` whose fields have wrong types. The sandbox does this for built-in formats."""
    wanted = {
        "text": (extracted.text, isinstance(extracted.text, str), "a string"),
        "title": (extracted.title, isinstance(extracted.title, str), "a string"),
        "page_starts": (
            extracted.page_starts,
            isinstance(extracted.page_starts, tuple) and all(type(start) is int for start in extracted.page_starts),
            "a tuple of ints",
        ),
        "metadata": (
            extracted.metadata,
            isinstance(extracted.metadata, Mapping) and all(isinstance(key, str) for key in extracted.metadata),
            "a mapping of strings to plain JSON values",
        ),
        "encoding": (extracted.encoding, isinstance(extracted.encoding, str | None), "a string or None"),
    }
    for field, (value, right, what) in wanted.items():
        if not right:
            raise wrong_type(f"{name}.read: Extracted.{field}", value, what)
