"""Titles in the properties of a file: programs write the name of a file or of themselves there, which are no titles."""

from __future__ import annotations

import re

_LONGEST = 1000
_PROGRAM = re.compile(
    r"\(?microsoft (?:office )?(?:word|excel|powerpoint|publisher|visio|outlook|project|onenote|access)[^-]{0,20} ?- ",
    re.IGNORECASE,
)
"""The beginning of a title that a printer driver made: `Microsoft Word - draft.docx`."""
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
    r"(?:(?:untitled|unnamed|unknown|no title|title|unbenannt|ohne titel|sans titre|sin título|senza titolo|sem título|"
    r"document|doc|dokument|layout|presentation|powerpoint presentation|präsentation|slide|workbook|book|sheet|page|"
    r"blank page|new document|new microsoft word document|microsoft word document|word document|template|print|printing|"
    r"scan|scanned document|scanned image|image|img|fax|no job name|full page photo|none|null|n/a|test)"
    r"[\s#-]{0,3}\d{0,20}|[\W\d_]{0,300})",
    re.IGNORECASE,
)


def real_title(text: str) -> str:
    """Return a title from a file's properties; empty where it is the name of a program or a file, or tells nothing."""
    title = " ".join(text.split())
    is_none = (
        len(title) > _LONGEST
        or _PROGRAM.match(title)
        or _FILE.fullmatch(title)
        or _ADDRESS.fullmatch(title)
        or _UNDERSCORED.fullmatch(title)
        or _EMPTY.fullmatch(title)
    )
    return "" if is_none else title
