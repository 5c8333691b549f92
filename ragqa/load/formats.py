"""The file formats that ragqa reads, one line for each. A new format needs a module with a function, and a line here.

The function runs in the sandbox. This module holds the function's name and does not import it. So neither this process
nor the child loads the library of a format before a file of that format is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

PLAIN, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"
CSV, TSV = "text/csv", "text/tab-separated-values"
JSON, JSON_LINES = "application/json", "application/jsonl"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
ODP = "application/vnd.oasis.opendocument.presentation"
EPUB = "application/epub+zip"
PDF = "application/pdf"
EML, MSG = "message/rfc822", "application/vnd.ms-outlook"
ZIP, MBOX = "application/zip", "application/mbox"
BINARY = "binary content"
"""The beginning of the reason why a file that is no text is not read as one."""
UNSUPPORTED = "unsupported type"
"""The beginning of the reason why a file of a type that is not listed here is not read."""


@dataclass(frozen=True, slots=True)
class Format:
    """A built-in file format.

    :param name: the format's name in a pipeline file.
    :param suffixes: the suffixes of its files, in lower case; upper and lower case in a file's name are equal.
    :param extractor: name and version of the extractor, the name of a package, whose installed version is taken, or
        both, with a space between them. The index records them. With another version, files are read again.
    :param reads: `text`: the function gets the decoded file, and `Extracted.text` is the file itself or made from it;
        `bytes`: it gets the bytes and the `Limits`.
    :param function: `module:function` that returns an `Extracted`; it raises `RejectedError` with the reason.
    :param options: keys of the `load` section that the function takes as keywords.
    """

    name: str
    media_type: str
    suffixes: tuple[str, ...]
    extractor: str
    reads: Literal["text", "bytes"]
    function: str
    options: tuple[str, ...] = ()

    def extractor_with(self, options: Mapping[str, str | None]) -> str:
        """Return the name and version of the extractor, and the options that are set."""
        full = " ".join(each if "/" in each else f"{each}/{version(each)}" for each in self.extractor.split())
        return full + "".join(f" {name}={options[name]}" for name in self.options if options[name])


FORMATS = (
    Format("text", PLAIN, (".txt",), "text/2", "text", "ragqa.load.text:plain"),
    Format("markdown", MARKDOWN, (".md", ".markdown"), "markdown/4", "text", "ragqa.load.text:markdown"),
    Format("html", HTML, (".html", ".htm"), "html/1", "bytes", "ragqa.load.html:page"),
    Format("csv", CSV, (".csv",), "csv/2", "text", "ragqa.load.table:comma_separated"),
    Format("tsv", TSV, (".tsv",), "tsv/2", "text", "ragqa.load.table:tab_separated"),
    Format("json", JSON, (".json",), "json/1", "text", "ragqa.load.json_records:document", ("text_field",)),
    Format(
        "jsonl",
        JSON_LINES,
        (".jsonl", ".ndjson"),
        "jsonl/2",
        "text",
        "ragqa.load.json_records:json_lines",
        ("text_field",),
    ),
    Format("docx", DOCX, (".docx",), "docx/3", "bytes", "ragqa.load.docx:extract"),
    Format("pptx", PPTX, (".pptx", ".pptm", ".ppsx", ".ppsm"), "pptx/1", "bytes", "ragqa.load.pptx:extract"),
    Format("odt", ODT, (".odt", ".ott"), "odt/1", "bytes", "ragqa.load.odf:text_document"),
    Format("odp", ODP, (".odp", ".otp"), "odp/1", "bytes", "ragqa.load.odf:presentation"),
    Format("epub", EPUB, (".epub",), "epub/1", "bytes", "ragqa.load.epub:extract"),
    Format("pdf", PDF, (".pdf",), "pdf/2 pypdf", "bytes", "ragqa.load.pdf:extract"),
    Format("eml", EML, (".eml",), "eml/1", "bytes", "ragqa.load.mail:eml_text"),
    Format("msg", MSG, (".msg",), "msg/1 olefile", "bytes", "ragqa.load.mail:msg_text"),
)
"""The built-in formats, in the order in which they are listed for the user."""


@dataclass(frozen=True, slots=True)
class Container:
    """A type of files that hold other files. Each of these is a document of its own, if its format is known.

    A file whose media type is that of a format too has a text besides, as a mail with attachments has.

    :param function: `module:function` that gets the bytes and the `Limits`, and returns a list of `Member`. It runs in
        the sandbox, and raises `RejectedError` with the reason.
    """

    media_type: str
    suffixes: tuple[str, ...]
    function: str


CONTAINERS = (
    Container(ZIP, (".zip",), "ragqa.load.zipped:members"),
    Container(MBOX, (".mbox", ".mbx"), "ragqa.load.mail:mbox_members"),
    Container(EML, (".eml",), "ragqa.load.mail:eml_members"),
    Container(MSG, (".msg",), "ragqa.load.mail:msg_members"),
)

MEDIA_TYPES = {suffix: each.media_type for each in (*FORMATS, *CONTAINERS) for suffix in each.suffixes}
"""The media type of each suffix that is read."""


def builtin_format(media_type: str) -> Format:
    """Return the built-in format of a media type.

    :raises KeyError: there is none.
    """
    return {each.media_type: each for each in FORMATS}[media_type]
