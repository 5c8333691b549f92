"""Identifiers in a text: versions, addresses, part numbers, dates, and numbers of four digits or more.

The full text knows such a name by its digits and letters in any order. Here it has one normal form: 1,250 and 1250 are one
number, and 2024-03-05, 5 March 2024 and March 5, 2024 are one date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache, partial

MOST_ASKED = 8
"""The most identifiers of a question that count. A pasted text may have hundreds."""
READING = 0.5
"""The share that another reading of an identifier counts."""
_LONGEST = 80
"""The most characters of an identifier."""

_ENGLISH_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTHS = {name.lower(): number for number, name in enumerate(_ENGLISH_MONTHS, start=1)}
for _names in (
    "jan feb mar apr may jun jul aug sept oct nov dec",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "januar februar mars april mai juni juli august september oktober november desember",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
):
    _MONTHS |= {name: number for number, name in enumerate(_names.split(), start=1)}

_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_DASH = re.compile("[\u2010\u2011\u2012\u2013\u2014\u2212]")
_GROUP_MARKS = ",'’\u00a0\u202f\u2009 "
_TOKEN = re.compile(
    rf"""
    (?<![^\W_])(?:
      (?P<ymd>(?P<y1>\d{{4}})(?P<mark1>[-./])(?P<m1>\d{{1,2}})(?P=mark1)(?P<d1>\d{{1,2}}))(?![-./]?\d)
    | (?P<dmy>(?P<d2>\d{{1,2}})(?P<mark2>[-./])(?P<m2>\d{{1,2}})(?P=mark2)(?P<y2>\d{{4}}))(?![-./]?\d)
    | (?P<cjk>(?P<y3>\d{{4}})\s?[年년]\s?(?P<m3>\d{{1,2}})\s?[月월]\s?(?P<d3>\d{{1,2}})\s?[日일号號])
    | (?P<day>(?P<d4>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s{{1,3}}(?:(?:of|de)\s)?(?P<m4>{_MONTH})\b\.?,?\s{{1,3}}(?:(?:de|del)\s)?(?P<y4>\d{{4}})(?!\d))
    | (?P<month>(?=[^\W\d_]{{3,}}\.?\s{{1,3}}\d)(?P<m5>{_MONTH})\b\.?\s{{1,3}}(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,3}}(?P<y5>\d{{4}})(?!\d))
    | (?P<grouped>\d{{1,3}}(?P<mark6>[{_GROUP_MARKS}])\d{{3}}(?:(?P=mark6)\d{{3}}){{0,5}}(?:\.\d{{1,9}})?)(?![^\W_]|[.,]?\d)
    | (?P<points>\d{{1,3}}(?:\.\d{{3}}){{1,6}},\d{{1,9}})(?![^\W_]|[.,]?\d)
    | (?<!\d,)(?P<comma>\d{{1,15}},\d{{1,2}})(?![^\W_]|[.,]?\d)
    | (?P<run>[^\W_]+(?:[-./:_+][^\W_]+)*)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""A date, a number with marks between its digits, or a run of letters and digits that these marks join."""

_DIGIT = re.compile(r"\d")
_WITH_DIGIT = re.compile(r"(?<!\S)[^\s\d]*+\d\S*+(?:\s{1,3}[^\s\d]++(?!\S)){0,3}")
_BEFORE = 24
"""The most characters of an identifier before its first word with a digit: the name of a month."""

_SUFFIX = re.compile(r"(?:\.[^\W\d_]+)+$")
_DOTTED = re.compile(r"\d+(?:[._]\d+)+")
_NAMED_VERSION = re.compile(
    r"(?:(?:[^\W\d_]{3,}[-_./])+|v\.?|(?:[^\W\d_]{3,}[-_./])+v)(\d+(?:[._]\d+)+)", re.IGNORECASE
)
_NAMED_DAY = re.compile(r"(?:[^\W\d_]{2,}[-_./])+(\d{4})[-_.](\d{1,2})[-_.](\d{1,2})(?:[-_.][^\W\d_]+)*")
_NUMBERS_WITHIN = re.compile(r"(?<![\d._])(?:\d+(?:[._]\d+)+|\d{4,})(?!\d)")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_MARKS = re.compile(r"[-./:_+]")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\ds?", re.IGNORECASE)
_LETTERS_FIRST = re.compile(r"[^\W\d_]+(?=\d).*")


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in its normal form.

    :param exact: the normal form. A date is written as in ISO 8601, a number without marks of thousands.
    :param readings: other normal forms that it may stand for, or that are a part of it: 05/03/2024 is a day in March or
        in May.
    :param tells: whether it is searched for where a question has it. A year and a word such as COVID-19 are not.
    :param span: its place in the text.
    """

    exact: str
    readings: tuple[str, ...] = ()
    tells: bool = True
    span: tuple[int, int] = field(default=(0, 0), compare=False)

    @property
    def wanted(self) -> dict[str, float]:
        """Return the terms of texts that have it, as `terms` makes them, with the share that each counts."""
        return {f"={self.exact}": 1.0, f"~{self.exact}": READING, **{f"={form}": READING for form in self.readings}}

    @property
    def spellings(self) -> tuple[str, ...]:
        """Return ways to write it: a date as in ISO 8601, in English words and in figures; a number also with commas."""
        try:
            day = date.fromisoformat(self.exact) if len(self.exact) == 10 else None
        except ValueError:
            day = None
        if day:
            month = _ENGLISH_MONTHS[day.month - 1]
            return self.exact, f"{day.day} {month} {day.year}", f"{day.day}.{day.month}.{day.year}"
        return (self.exact, f"{int(self.exact):,}") if self.exact.isdecimal() else (self.exact,)


def identifiers(text: str) -> Iterator[Identifier]:
    """Yield the identifiers of a text in order, without numbers of fewer than four digits."""
    return (replace(found, span=span) for found, span in _placed(text))


def _placed(text: str) -> Iterator[tuple[Identifier, tuple[int, int]]]:
    """Yield the identifiers of a text and their spans."""
    text = text if text.isascii() else _DASH.sub("-", text)
    for low, high in _near_digits(text):
        for match in _TOKEN.finditer(text, low, high):
            found = match.group()
            if _DIGIT.search(found) and len(found) <= _LONGEST and not (found.isdecimal() and len(found) < 4):
                yield _READERS[str(match.lastgroup)](match) or _of_run(found), match.span()


def _near_digits(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text in which identifiers may be: words with a digit, and a few words before and after them."""
    low = high = 0
    for match in _WITH_DIGIT.finditer(text):
        if match.start() - _BEFORE > high:
            if high:
                yield low, high
            low = match.start() - _BEFORE
        high = match.end()
    if high:
        yield low, high


def asked(question: str) -> tuple[Identifier, ...]:
    """Return the identifiers of a question that tell texts apart, each once, at most `MOST_ASKED`."""
    return tuple(dict.fromkeys(found for found in identifiers(question) if found.tells))[:MOST_ASKED]


def terms(text: str) -> list[str]:
    """Return the search terms of the identifiers of a text, with repeats: `=` and the form, `~` and a reading.

    A word has neither mark, so that these terms are none of `text_analysis.terms`.
    """
    found: list[str] = []
    for each, _ in _placed(text):
        found += [f"={each.exact}"] if each.tells else []
        found += [f"~{form}" for form in each.readings if not _YEAR.fullmatch(form)]
    return found


def _day(year: str, month: str, day: str) -> str:
    """Return a date as in ISO 8601; "" where there is no such day."""
    try:
        return date(int(year), _MONTHS.get(month.lower()) or int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _of_date(match: re.Match[str], number: int) -> Identifier | None:
    form = _day(match[f"y{number}"], match[f"m{number}"], match[f"d{number}"])
    return Identifier(form) if form else None


def _of_day_or_month_first(match: re.Match[str]) -> Identifier | None:
    """Return the date of 5.3.2024, whose day is first, or of 5/3/2024, where both orders are read if both are days."""
    parts = match["y2"], match["m2"], match["d2"]
    orders = [_day(*parts), *([] if match["mark2"] == "." else [_day(parts[0], parts[2], parts[1])])]
    days = tuple(dict.fromkeys(filter(None, orders)))
    if len(days) < 2:
        return Identifier(days[0]) if days else None
    return Identifier(f"{int(parts[2])}/{int(parts[1])}/{parts[0]}", days)


def _of_grouped(match: re.Match[str]) -> Identifier:
    """Return a number with marks of thousands. A space may also be between two numbers."""
    whole, _, rest = match["grouped"].partition(".")
    number = whole.replace(match["mark6"], "") + (f".{rest}" if rest.strip("0") else "")
    return Identifier(match["grouped"], (number,)) if match["mark6"] == " " else Identifier(number)


@lru_cache(maxsize=1 << 16)
def _of_run(run: str) -> Identifier:
    """Return the identifier of letters and digits that marks may join, without suffixes of a file's name."""
    form = _SUFFIX.sub("", run).lower()
    if form.isdecimal():
        return Identifier(form, tells=len(form) >= 4 and not _YEAR.fullmatch(form))
    if (dated := _NAMED_DAY.fullmatch(form)) and (day := _day(*dated.groups())):
        return Identifier(day)
    if version := _NAMED_VERSION.fullmatch(form):
        form = version[1]
    if _DOTTED.fullmatch(form):
        return _of_dotted(form.replace("_", "."))
    squeezed = _MARKS.sub("", form)
    within = [number.replace("_", ".") for number in _NUMBERS_WITHIN.findall(form)]
    is_code = _is_code(form)
    forms = (squeezed, *within) if is_code else within
    return Identifier(form, tuple(dict.fromkeys(each for each in forms if each != form)), is_code)


def _of_dotted(form: str) -> Identifier:
    """Return a version, an address or a decimal number; 1.250 may be a number with a mark of thousands."""
    whole, _, rest = form.partition(".")
    if _THOUSANDS.fullmatch(form):
        return Identifier(form, (form.replace(".", ""),))
    return Identifier(form, (whole,) if rest.strip("0") == "" else ())


def _is_code(run: str) -> bool:
    """Tell whether a run with letters is a code such as AB-1234/5, and no word such as COVID-19 or mid-1990s."""
    parts = [part for part in _MARKS.split(run) if any(character.isdigit() for character in part)]
    if len(parts) != 1:
        return True
    digits = sum(character.isdigit() for character in parts[0])
    if parts[0] == run:  # without marks: XK9921, and neither 1250kg nor 1990s
        return digits >= 3 and bool(_LETTERS_FIRST.fullmatch(run))
    return digits >= 3 and not _YEAR.fullmatch(parts[0])


_READERS: dict[str, Callable[[re.Match[str]], Identifier | None]] = {
    "ymd": partial(_of_date, number=1),
    "dmy": _of_day_or_month_first,
    "cjk": partial(_of_date, number=3),
    "day": partial(_of_date, number=4),
    "month": partial(_of_date, number=5),
    "grouped": _of_grouped,
    "points": lambda match: Identifier(match["points"].replace(".", "").replace(",", ".")),
    "comma": lambda match: Identifier(match["comma"].replace(",", ".")),
    "run": lambda match: _of_run(match["run"]),
}
"""A function for each kind of token; it returns None where the token is not of that kind after all."""
