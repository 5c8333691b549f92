"""The file formats that ragqa reads, one line for each. A new format needs a module with a function, and a line here.

The function runs in the sandbox. This module holds the function's name and does not import it. So neither this process
nor the child loads the library of a format before a file of that format is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Literal

PLAIN, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"
CSV, TSV = "text/csv", "text/tab-separated-values"
JSON, JSON_LINES = "application/json", "application/jsonl"
YAML, TOML, XML = "application/yaml", "application/toml", "application/xml"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
ODP = "application/vnd.oasis.opendocument.presentation"
EPUB = "application/epub+zip"
PDF = "application/pdf"
EML, MSG = "message/rfc822", "application/vnd.ms-outlook"
ZIP, MBOX = "application/zip", "application/mbox"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
IMAGE = "image/any"
CODE_TYPE = "text/x-code"
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
    :param secrets: such keywords whose values the index must not record, as lists of texts.
    :param lost: what of such a file is never in its text, in one phrase; empty where nothing is lost.
    """

    name: str
    media_type: str
    suffixes: tuple[str, ...]
    extractor: str
    reads: Literal["text", "bytes"]
    function: str
    options: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    lost: str = ""

    def extractor_with(self, options: Mapping[str, str | None]) -> str:
        """Return the name and version of the extractor, and the options that are set."""
        full = " ".join(each if "/" in each else f"{each}/{_version(each)}" for each in self.extractor.split())
        return full + "".join(f" {name}={options[name]}" for name in self.options if options.get(name))


_version = cache(version)  # it reads a file

_CODE = """
.c .h .cpp .cc .cxx .hpp .hh .hxx .cs .java .kt .kts .scala .groovy .gradle .go .rs .swift .m .mm .d .zig .nim
.py .pyi .pyx .rb .php .pl .pm .lua .tcl .r .jl .js .mjs .cjs .jsx .ts .mts .cts .tsx .vue .svelte .dart .coffee
.hs .ml .mli .fs .fsx .clj .cljs .ex .exs .erl .hrl .elm .lisp .el .scm .rkt .vb .bas .cls .frm .pas .f .f90 .f95
.cob .cbl .asm .s .sol .proto .graphql .gql .sql .sh .bash .zsh .fish .ps1 .psm1 .bat .cmd .awk .tf .hcl .nix .cmake
.css .scss .sass .less
"""
CODE = tuple(_CODE.split())
"""The suffixes of source code: those of the languages of `split: {kind: code}`, and further ones."""

# One format in one line or two, so that the table can be read as one.
# fmt: off
FORMATS = (
    Format("text", PLAIN, (".txt", ".text"), "text/2", "text", "ragqa.load.text:plain"),
    Format("markdown", MARKDOWN, (".md", ".markdown", ".mdx"), "markdown/5", "text", "ragqa.load.text:markdown",
           lost="comments, text that HTML strikes out"),
    Format("html", HTML, (".html", ".htm"), "html/5", "bytes", "ragqa.load.html:page",
           lost="menus, page headers and footers, pictures, text that is struck out"),
    Format("csv", CSV, (".csv",), "csv/2", "text", "ragqa.load.table:comma_separated"),
    Format("tsv", TSV, (".tsv",), "tsv/2", "text", "ragqa.load.table:tab_separated"),
    Format("json", JSON, (".json",), "json/2", "text", "ragqa.load.json_records:document", ("text_field",)),
    Format("jsonl", JSON_LINES, (".jsonl", ".ndjson"), "jsonl/2", "text", "ragqa.load.json_records:json_lines",
           ("text_field",)),
    Format("docx", DOCX, (".docx",), "docx/5", "bytes", "ragqa.load.docx:extract", secrets=("passwords",),
           lost="pictures, embedded objects, text that is hidden or struck out"),
    Format("pptx", PPTX, (".pptx", ".pptm", ".ppsx", ".ppsm"), "pptx/2", "bytes", "ragqa.load.pptx:extract",
           secrets=("passwords",), lost="pictures, films, embedded objects, text that is hidden or struck out"),
    Format("odt", ODT, (".odt", ".ott", ".fodt"), "odt/3", "bytes", "ragqa.load.odf:text_document",
           lost="pictures, embedded objects, text that is hidden or struck out"),
    Format("odp", ODP, (".odp", ".otp", ".fodp"), "odp/3", "bytes", "ragqa.load.odf:presentation",
           lost="pictures, films, embedded objects, text that is hidden or struck out"),
    Format("xlsx", XLSX, (".xlsx", ".xlsm", ".xlsb"), "xlsx/4", "bytes", "ragqa.load.sheets:workbook",
           secrets=("passwords",), lost="pictures, macros, colours of cells, text that is struck out"),
    Format("xls", XLS, (".xls",), "xls/4 xlrd", "bytes", "ragqa.load.sheets:workbook",
           secrets=("passwords",), lost="charts, pictures, macros, colours of cells, text that is struck out"),
    Format("ods", ODS, (".ods", ".fods"), "ods/3", "bytes", "ragqa.load.sheets:opendocument",
           lost="pictures, macros, colours of cells, text that is struck out"),
    Format("epub", EPUB, (".epub",), "epub/4", "bytes", "ragqa.load.epub:extract", lost="pictures, the contents page, text that is struck out"),
    Format("pdf", PDF, (".pdf",), "pdf/6 pypdf", "bytes", "ragqa.load.pdf:extract", ("ocr",),
           secrets=("passwords",), lost="pictures; text under opaque shapes, outside the page and in hidden layers; text that annotations strike out (not what a drawn line strikes out: that is read); pages that are scans, without the extra ragqa[ocr]"),
    Format("image", IMAGE, (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"), "image/1", "bytes",
           "ragqa.load.ocr.images:extract", ("ocr",), lost="all but the text, which the extra ragqa[ocr] reads"),
    Format("rtf", "application/rtf", (".rtf",), "rtf/4", "bytes", "ragqa.load.rtf:extract",
           lost="pictures, embedded objects, text that is hidden or struck out"),
    Format("rst", "text/x-rst", (".rst", ".rest"), "rst/1", "text", "ragqa.load.markup:restructured"),
    Format("org", "text/x-org", (".org",), "org/1", "text", "ragqa.load.markup:org"),
    Format("asciidoc", "text/asciidoc", (".adoc", ".asciidoc"), "asciidoc/1", "text", "ragqa.load.markup:asciidoc"),
    Format("latex", "text/x-tex", (".tex", ".latex"), "latex/1", "text", "ragqa.load.latex:extract",
           lost="comments, the preamble, pictures"),
    Format("notebook", "application/x-ipynb+json", (".ipynb",), "notebook/2", "text", "ragqa.load.notebook:extract",
           lost="pictures and other outputs that are not text"),
    Format("xml", XML, (".xml",), "xml/1 lxml", "bytes", "ragqa.load.xml_text:extract", lost="comments, pictures"),
    Format("yaml", YAML, (".yaml", ".yml"), "yaml/1 pyyaml", "text", "ragqa.load.yaml_records:extract",
           lost="comments, binary values"),
    Format("toml", TOML, (".toml",), "toml/2", "text", "ragqa.load.toml_records:extract", lost="comments"),
    Format("subtitles", "text/vtt", (".srt", ".vtt"), "subtitles/1", "text", "ragqa.load.subtitles:extract",
           lost="notes, styles"),
    Format("ini", "text/x-ini", (".ini", ".cfg", ".conf", ".properties"), "text/2", "text", "ragqa.load.text:verbatim"),
    Format("log", "text/x-log", (".log",), "text/2", "text", "ragqa.load.text:verbatim"),
    Format("code", CODE_TYPE, CODE, "code/1", "text", "ragqa.load.text:verbatim"),
    Format("eml", EML, (".eml",), "eml/4", "bytes", "ragqa.load.mail:eml_text", lost="quoted messages, pictures"),
    Format("msg", MSG, (".msg",), "msg/4 olefile", "bytes", "ragqa.load.mail:msg_text",
           lost="quoted messages, pictures"),
)
# fmt: on
"""The built-in formats, in the order in which they are listed for the user."""


@dataclass(frozen=True, slots=True)
class Container:
    """A type of files that hold other files. Each of these is a document of its own, if its format is known.

    A file whose media type is that of a format too has a text besides, as a mail with attachments has.

    :param function: `module:function` that gets the bytes and the `Limits`, and returns a list of `Member`. It runs in
        the sandbox, and raises `RejectedError` with the reason.
    :param secrets: keywords that the function takes, as those of a `Format`.
    """

    media_type: str
    suffixes: tuple[str, ...]
    function: str
    secrets: tuple[str, ...] = ()


CONTAINERS = (
    Container(ZIP, (".zip",), "ragqa.load.zipped:members", secrets=("passwords",)),
    Container(MBOX, (".mbox", ".mbx"), "ragqa.load.mail:mbox_members"),
    Container(EML, (".eml",), "ragqa.load.mail:eml_members"),
    Container(MSG, (".msg",), "ragqa.load.mail:msg_members"),
)

PICTURES = frozenset(suffix for each in FORMATS if each.media_type == IMAGE for suffix in each.suffixes)
"""The suffixes that are read with the extra `ocr` only."""

_TYPES = {suffix: each.media_type for each in (*FORMATS, *CONTAINERS) for suffix in each.suffixes}
MEDIA_TYPES = {suffix: media_type for suffix, media_type in _TYPES.items() if suffix not in PICTURES}
"""The media type of each suffix that is read without extras."""


def types_read(suffixes: Collection[str]) -> str:
    """Return the suffixes that are read as a list for a message; those of source code are too many, and only counted."""
    others = [each for each in suffixes if each not in CODE]
    code = sum(1 for each in suffixes if each in CODE)
    return " ".join(others) + (f" and source code ({code} suffixes: see `ragqa formats`)" if code else "")


def builtin_format(media_type: str) -> Format:
    """Return the built-in format of a media type.

    :raises KeyError: there is none.
    """
    return {each.media_type: each for each in FORMATS}[media_type]
