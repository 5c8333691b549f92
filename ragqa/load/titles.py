"""Titles in the properties of a file: programs write the name of a file or of themselves there, which are no titles."""

from __future__ import annotations

import re

_LONGEST = 1000
_PROGRAM = re.compile(
    r"\(?microsoft (?:office )?(?:word|excel|powerpoint|publisher|visio|outlook|project|onenote|access)[^-]{0,20} ?- ",
    re.IGNORECASE,
)
"""The beginning of a title that a printer driver made: `Microsoft Word - draft.docx`."""
_PROGRAMS = (
    "google (?:docs|sheets|slides)|(?:libre|open)office(?:\\.org)?(?: (?:writer|calc|impress))?|pages|wordpad|notepad|"
    "(?:microsoft )?(?:word|excel|powerpoint)|onenote|adobe (?:acrobat|reader|indesign|illustrator|framemaker)|(?:mozilla )?firefox|"
    "google chrome|chromium|microsoft edge|internet explorer|safari|outlook"
)
_BEHIND = re.compile(rf"\s[-\u2013\u2014]\s(?:{_PROGRAMS})(?: [\d.]{{1,9}})?\Z", re.IGNORECASE)
"""The name of the program behind a title, as browsers print it: `Fees - Google Docs`."""
_ALONE = re.compile(
    r"(?:google (?:docs|sheets|slides)|(?:libre|open)office(?:\.org)?(?: (?:writer|calc|impress))?|wordpad|notepad|"
    r"microsoft (?:office )?(?:word|excel|powerpoint)|adobe (?:acrobat|reader|indesign|illustrator|framemaker|photoshop)|"
    r"acrobat (?:distiller|reader|pdfmaker)|quarkxpress|pdfcreator|ghostscript|mozilla firefox|google chrome|"
    r"microsoft edge|internet explorer|latex|\(anonymous\)|print(?: |-)preview|druckvorschau)"
    r"(?: (?:v?[\d.]{1,9}|cs\d|cc|dc|pro|for word|for excel|for powerpoint)){0,3}",
    re.IGNORECASE,
)
"""The name of a program and nothing else."""
_FILE = re.compile(
    r".{0,300}\.(?:docx?|docm|dotx?|xlsx?|xlsm|pptx?|ppsx?|pub|vsdx?|od[tpsg]|rtf|txt|md|tex|dvi|e?ps|pdf|xps|wp[ds]|"
    r"html?|xml|php|aspx?|indd|indb|qx[dp]|p65|pmd|fm|book|ai|cdr|psd|svg|dwg|dxf|pages|numbers|key|csv|"
    r"jpe?g|png|gif|bmp|tiff?|zip|eml|msg)(?:\s?\[[^\]]{0,40}\]|\s?\([^)]{0,40}\))?",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS = re.compile(r"(?:file|https?|about):\S*|[A-Za-z]:\\.*|\\\\.*|/\S+/\S*", re.IGNORECASE | re.DOTALL)
_UNDERSCORED = re.compile(r"[^\s_]{1,200}(?:_[^\s_]{0,200}){1,40}")
"""A name without spaces and with underscores, as files have."""
_EMPTY = re.compile(
    r"(?:(?:untitled(?: document)?|unnamed|bez nazwy|utan titel|namnlös|uten tittel|zonder titel|unknown|no title|title|unbenannt|ohne titel|sans titre|sin título|senza titolo|sem título|"
    r"document|doc|dokument|layout|presentation|powerpoint presentation|präsentation|slide|workbook|book|sheet|page|"
    r"blank page|new document|new microsoft word document|microsoft word document|word document|template|print|printing|"
    r"scan|scanned document|scanned image|image|img|fax|no job name|full page photo|none|null|n/a|test)"
    r"[\s#-]{0,3}\d{0,20}|[\W\d_]{0,300})",
    re.IGNORECASE,
)


def real_title(text: str) -> str:
    """Return a title from a file's properties; empty where it is the name of a program or a file, or tells nothing."""
    title = _BEHIND.sub("", " ".join(text[: _LONGEST + 1].split()))
    is_none = (
        len(title) > _LONGEST
        or _PROGRAM.match(title)
        or _ALONE.fullmatch(title)
        or _FILE.fullmatch(title)
        or _ADDRESS.fullmatch(title)
        or _UNDERSCORED.fullmatch(title)
        or _EMPTY.fullmatch(title)
    )
    return "" if is_none else title
