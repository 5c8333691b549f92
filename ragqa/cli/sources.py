"""Prints where something stands in the documents: the place for `ragqa show`, what the document says about itself, the text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragqa.cli.marks import marked, name, say
from ragqa.cli.terminal import one_line
from ragqa.records import Answer, Citation, Hit

TELLING = (
    "title", "from", "subject", "date", "published", "updated", "last_updated", "revised", "approved", "status", "version",
    "revision", "edition", "effective", "effective_date", "effective_from", "in_force_from", "in_force_since", "valid_from",
    "valid_to", "valid_until", "expires", "replaces", "supersedes", "replaced_by", "superseded_by",
)  # fmt: skip
"""The fields of a document by which a reader judges it, in the order of their printing. `--json` has the others too."""
MOST_FIELDS, MOST_FIELD_CHARACTERS = 6, 80
"""The most fields of a document that are printed, and the most characters of each."""
_LIST_MARK = re.compile(r"\W+|\(?(?:\d{1,3}|[A-Za-z])[.)]")
"""What stands before an item of a list and is no part of what it says."""


def print_sources(answer: Answer, marks: Mapping[Citation, str], said: Mapping[Citation, Sequence[str]]) -> None:
    """Print citations after their marks, the first one of each document with what the document says about itself.

    :param said: by citation the lines of the answer that cite it, if any. The cited text is printed where it says more.
    """
    known = {hit.source: about(hit) for hit in answer.hits}
    for citation, mark in marks.items():
        print_place(mark, citation, known.pop(citation.source, ""))
        if citation not in said or says_more(citation.text, said[citation]):
            marked(one_line(citation.text), indent="      ")


def print_place(mark: str, citation: Citation, told: str = "") -> None:
    """Print the line of a citation.

    :param told: what the document says about itself; see `about`.
    """
    page = f" ({one_line(citation.place)})" if citation.place else ""
    stale = " [changed since it was indexed]" if citation.stale else ""
    say(f"  {mark} {citation_name(citation)}{page}{stale}{told}")


def citation_name(citation: Citation) -> str:
    """Return a citation for `ragqa show`: the path (relative for a file below the working folder) and the span."""
    path = Path(citation.path)
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    shown = f"./{shown}" if shown.startswith("-") else shown  # else it would be read as an option
    return name(f"{shown}:{citation.start}-{citation.end}")


def about(hit: Hit) -> str:
    """Return the fields by which the document of a hit can be judged, for the end of its line; "" for none.

    Each value stands between quotes and has none inside, so that no part of it can be taken for words of ragqa.
    """
    given = {key.lower().replace("-", "_").replace(" ", "_"): value for key, value in hit.fields.items()}
    values = {key: _value(given[key]) for key in TELLING if key in given}
    told = [f'{key.replace("_", " ")} "{value}"' for key, value in values.items() if value]
    return f" ({', '.join(told[:MOST_FIELDS])})" if told else ""


def _value(value: object) -> str:
    """Return the value of a field without line ends, controls and quotes, cut where it is long."""
    values = value if isinstance(value, list) else [value]
    text = one_line(", ".join(str(each) for each in values if each is not None)).replace('"', "'")
    return text if len(text) <= MOST_FIELD_CHARACTERS else f"{text[:MOST_FIELD_CHARACTERS]}…"


def says_more(text: str, lines: Sequence[str]) -> bool:
    """Tell whether a cited text has words that the lines of the answer do not repeat in their order."""
    rest = " ".join(text.split())
    for line in lines:
        rest = rest.replace(" ".join(line.split()), " ", 1)
    return not all(_LIST_MARK.fullmatch(word) for word in rest.split())
