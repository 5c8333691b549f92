r"""LaTeX. The text is as long as the file, so that offsets refer to the file; what LaTeX does not print is blank in it.

Comments, the preamble before `\begin{document}` and what follows `\end{document}` are blank and counted. Other markup is
not interpreted.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from ragqa.records import Extracted

_LEVELS = {
    "part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6, "subparagraph": 7,
    "frametitle": 5,
}  # fmt: skip
_TOKEN = re.compile(
    r"\\begin\{(verbatim\*?|Verbatim|BVerbatim|lstlisting|minted|filecontents\*?|comment)\}"
    r"|\\verb\*?([^\w\s*])[^\r\n]{0,500}?\2|\\[^\r\n]|(%)[^\r\n]*"
)
"""What may hold a per cent sign: a block or a piece that is printed as it is, an escape, and a comment."""
_PRINTING = re.compile(r"[^\r\n]")
_BEGIN, _END = re.compile(r"\\begin\{document\}"), re.compile(r"\\end\{document\}")
_HEADING = re.compile(rf"\\({'|'.join(_LEVELS)})\*?[ \t]*(?=[\[{{])|\\begin\{{frame\}}(?:\[[^\]\r\n]*\])*(?=\{{)")
_COMMAND = re.compile(r"\\(title|author|date)[ \t\r\n]*(?=[\[{])")
_PICTURE = re.compile(r"\\includegraphics\b|\\begin\{(?:tikzpicture|pspicture|picture)\}")
_ARGUMENT_CHARACTERS = 2_000
"""The most characters of an argument: of a title, a heading or the names of authors."""
_BRACE = re.compile(r"\\.|[{}\[\]]", re.DOTALL)
_ACCENTS = dict(
    zip(
        "`'^\"~=.cvuHrkd",
        "\u0300\u0301\u0302\u0308\u0303\u0304\u0307\u0327\u030c\u0306\u030b\u030a\u0328\u0323",
        strict=True,
    )
)
_ACCENT = re.compile(r"\\(?:([`'^\"~=.])[ \t]*|([cvuHrkd])(?:[ \t]+|(?=\{)))(?:\{?\\?([^\W\d_])\}?)")
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "l": "ł", "L": "Ł",
    "i": "i", "LaTeX": "LaTeX", "TeX": "TeX", "ldots": "...",
}  # fmt: skip
_LEFT_OUT = re.compile(r"\\(?:thanks|footnote|label|inst|orcid|email)\{[^{}]*\}")
_WORD_COMMAND = re.compile(r"\\([A-Za-z]+)\*?[ \t]*")


def extract(text: str) -> Extracted:
    """Return a LaTeX file.

    Metadata: `author` and `date`; `headings`, a list of `[offset, level, title]`; `not_read`, a mapping of what LaTeX
    does not print, and of pictures, to how often.
    """
    not_read: Counter[str] = Counter()
    printed, commands = _layers(text, not_read)
    fields = _fields(commands)
    first, last = _body(commands, not_read)
    printed, commands = (_blank(each[:first]) + each[first:last] + _blank(each[last:]) for each in (printed, commands))
    not_read["pictures"] = sum(1 for _ in _PICTURE.finditer(commands))
    headings = [heading for match in _HEADING.finditer(commands) if (heading := _heading(commands, match))]
    title = str(fields.pop("title", "")) or (headings[0][2] if headings else "")
    counts = {name: count for name, count in not_read.items() if count}
    metadata: dict[str, Any] = {**fields, "headings": headings} | ({"not_read": counts} if counts else {})
    return Extracted(printed, title, metadata=metadata)


def _layers(text: str, not_read: Counter[str]) -> tuple[str, str]:
    """Return the text with blanks for comments; and one with blanks for what is printed as it is too, for commands."""
    printed: list[str] = []
    commands: list[str] = []
    done = at = 0
    while match := _TOKEN.search(text, at):
        start, at = match.span()
        if name := match[1]:
            end = text.find(f"\\end{{{name}}}", at)
            at = len(text) if end < 0 else end
        elif not (match[2] or match[3]):  # an escape
            continue
        is_comment = name == "comment" or bool(match[3])
        not_read["comments"] += is_comment and bool(text[start:at].strip("% \t"))
        blank = _blank(text[start:at])
        printed += [text[done:start], blank if is_comment else text[start:at]]
        commands += [text[done:start], blank]
        done = at
    return "".join([*printed, text[done:]]), "".join([*commands, text[done:]])


def _body(commands: str, not_read: Counter[str]) -> tuple[int, int]:
    """Return the offsets between which the document is; the whole text where it has no beginning and no end."""
    begin, end = _BEGIN.search(commands), _END.search(commands)
    first = begin.end() if begin else 0
    last = max(first, end.start()) if end else len(commands)
    not_read["lines of the preamble"] = _lines(commands[: begin.start()]) if begin else 0
    not_read["lines after the end"] = _lines(commands[end.end() :]) if end else 0
    return first, last


def _lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip("\ufeff \t"))


def _blank(text: str) -> str:
    return _PRINTING.sub(" ", text)


def _fields(text: str) -> dict[str, Any]:
    """Return the title, the authors and the date that the commands of these names give."""
    fields: dict[str, Any] = {}
    for match in _COMMAND.finditer(text):
        value = _argument(text, match.end())
        if match[1] == "author":
            names = [name for part in re.split(r"\\(?:and|And|AND)\b", value) if (name := _plain(part))]
            if names:
                fields[match[1]] = [*_listed(fields.get("author")), *names][:100]
        elif plain := _plain(value):
            fields.setdefault(match[1], plain)
    if len(_listed(fields.get("author"))) == 1:
        fields["author"] = fields["author"][0]
    return fields


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else []


def _heading(text: str, match: re.Match[str]) -> list[Any]:
    title = _plain(_argument(text, match.end()))
    return [match.start(), _LEVELS.get(match[1] or "frametitle", 5), title] if title else []


def _argument(text: str, at: int) -> str:
    """Return the argument in braces at an offset, after those in brackets; empty where it is too long or open."""
    depth, start, bracket = 0, at, False
    for match in _BRACE.finditer(text, at, min(len(text), at + _ARGUMENT_CHARACTERS)):
        sign = match[0]
        if depth == 0 and sign in "[]":
            bracket = sign == "["
        elif bracket:
            continue
        elif sign == "{":
            depth += 1
            start = match.end() if depth == 1 else start
        elif sign == "}":
            depth -= 1
            if depth <= 0:
                return text[start : match.start()]
    return ""


def _plain(argument: str) -> str:
    """Return an argument as it is printed, on one line: accents as letters, without commands and braces."""
    text = _LEFT_OUT.sub("", argument)
    text = _ACCENT.sub(lambda m: unicodedata.normalize("NFC", m[3] + _ACCENTS[m[1] or m[2]]), text)
    text = text.replace("\\\\", " ").replace("\\today", "")
    text = re.sub(r"\\([%&_#$ ])", r"\1", text)
    text = _WORD_COMMAND.sub(lambda m: _LETTERS.get(m[1], ""), text)
    return " ".join(
        re.sub(r"[{}]", "", text).replace("~", " ").replace("---", "\u2014").replace("--", "\u2013").split()
    )
