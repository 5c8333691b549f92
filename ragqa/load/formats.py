"""The file formats that ragqa reads: one line each. A new one is a module with a function, and a line here.

The function runs in the sandbox. It is named and not imported, so that neither this process nor the child loads the
library of a format before a file of it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

PLAIN, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"
CSV, TSV, JSON_LINES = "text/csv", "text/tab-separated-values", "application/jsonl"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Format:
    """A built-in file format.

    :param name: by which a pipeline file names it.
    :param suffixes: how names of its files end, in small letters; capital letters in a name do not matter.
    :param extractor: name and version of what reads it, or the name of a package, whose installed version is taken. The
        index records both: another version means that files are read again.
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
        """Return name and version of the extractor, and those of its options that are set."""
        full = self.extractor if "/" in self.extractor else f"{self.extractor}/{version(self.extractor)}"
        return full + "".join(f" {name}={options[name]}" for name in self.options if options[name])


FORMATS = (
    Format("text", PLAIN, (".txt",), "text/1", "text", "ragqa.load.text:plain"),
    Format("markdown", MARKDOWN, (".md", ".markdown"), "markdown/1", "text", "ragqa.load.text:markdown"),
    Format("html", HTML, (".html", ".htm"), "trafilatura", "bytes", "ragqa.load.html:page"),
    Format("csv", CSV, (".csv",), "csv/1", "text", "ragqa.load.table:comma_separated"),
    Format("tsv", TSV, (".tsv",), "tsv/1", "text", "ragqa.load.table:tab_separated"),
    Format("jsonl", JSON_LINES, (".jsonl",), "jsonl/1", "text", "ragqa.load.table:json_lines", ("text_field",)),
    Format("docx", DOCX, (".docx",), "python-docx", "bytes", "ragqa.load.docx:extract"),
    Format("pdf", PDF, (".pdf",), "pypdf", "bytes", "ragqa.load.pdf:extract"),
)
"""The built-in formats, in the order in which they are told."""

MEDIA_TYPES = {suffix: each.media_type for each in FORMATS for suffix in each.suffixes}
"""The media type of each suffix that is read."""


def builtin_format(media_type: str) -> Format:
    """Return the built-in format of a media type. Raises `KeyError` where there is none."""
    return {each.media_type: each for each in FORMATS}[media_type]
