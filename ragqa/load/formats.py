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
PDF = "application/pdf"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
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
    Format("docx", DOCX, (".docx",), "docx/2", "bytes", "ragqa.load.docx:extract"),
    Format("pdf", PDF, (".pdf",), "pdf/2 pypdf", "bytes", "ragqa.load.pdf:extract"),
    Format("xlsx", XLSX, (".xlsx", ".xlsm"), "xlsx/1", "bytes", "ragqa.load.sheets:workbook"),
    Format("xls", XLS, (".xls",), "xls/1 xlrd", "bytes", "ragqa.load.sheets:workbook"),
    Format("ods", ODS, (".ods",), "ods/1", "bytes", "ragqa.load.sheets:opendocument"),
)
"""The built-in formats, in the order in which they are listed for the user."""

MEDIA_TYPES = {suffix: each.media_type for each in FORMATS for suffix in each.suffixes}
"""The media type of each suffix that is read."""


def builtin_format(media_type: str) -> Format:
    """Return the built-in format of a media type.

    :raises KeyError: there is none.
    """
    return {each.media_type: each for each in FORMATS}[media_type]
