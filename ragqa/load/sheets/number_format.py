"""Numbers of spreadsheets as their number format shows them: `1,250.00`, `12%`, `2024-03-01`, `$5`.

A format is up to four sections, divided by semicolons: for positive numbers, negative ones, zero and text. Marks for
colour, padding and language are left out. A date format that depends on the reader's language is shown as 2024-03-01.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from ragqa.load.sheets.date_format import LETTERS as DATE_LETTERS
from ragqa.load.sheets.date_format import DateWriter, date_writer

GENERAL = "General"
BUILTIN = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0;-"$"#,##0', 6: '"$"#,##0;-"$"#,##0',
    7: '"$"#,##0.00;-"$"#,##0.00', 8: '"$"#,##0.00;-"$"#,##0.00', 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;-#,##0.00", 41: "#,##0;-#,##0", 42: '"$"#,##0;-"$"#,##0', 43: "#,##0.00;-#,##0.00",
    44: '"$"#,##0.00;-"$"#,##0.00', 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
} | dict.fromkeys([*range(27, 32), 36, *range(50, 59)], "yyyy-mm-dd")  # fmt: skip
"""The formats that a file names by their number alone."""

_MOST_CHARACTERS = 255
"""The most characters of a format in a spreadsheet; a longer one is shown as General."""
_MOST_DIGITS = 30
_TOKEN = re.compile(
    r'"([^"]*)"?|\\(.)|_.|\*.|\[([^\]]*)\]|(general)|(E[+-])|(am/pm|a/p|y+|m+|d+|h+|s+|e+|g+|b+)|(.)',
    re.IGNORECASE | re.DOTALL,
)
_CURRENCY = re.compile(r"\$([^-]*)(?:-.*)?", re.DOTALL)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "=": lambda a, b: a == b,
    "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b, "<>": lambda a, b: a != b,
}  # fmt: skip

Token = tuple[str, str]
"""A kind, such as `literal` or `digit`, and its characters."""


Written = Callable[[float], str]
"""Writes a number."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A section of a format: its parts, what a number must fulfil, and what writes a number, or a date by its days."""

    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None
    date: DateWriter | None
    number: Written


@lru_cache(maxsize=1 << 16)
def shown(number: float, code: str, *, from_1904: bool = False) -> str:
    """Return a number as a format shows it; as General does where the format cannot show it.

    :param from_1904: days are counted from 1904-01-01, as in files of old Macs.
    """
    section, value = _chosen(number, _sections(code))
    if section is None:
        return general(number)
    if section.date:
        return section.date(number, from_1904) or general(number)
    try:
        return section.number(value)
    except (InvalidOperation, OverflowError, ValueError):
        return general(number)


def text_shown(text: str, code: str) -> str:
    """Return a text as a format shows it: most show it as it is, `"No. "@` with a text around it."""
    if "@" not in code:
        return text
    parts = _sections(code)[-1].tokens
    return "".join(text if token == ("other", "@") else token[1] for token in parts if token[0] != "pad").strip()


def general(number: float) -> str:
    """Return a number without a format: whole numbers in full, others with ten digits, without noise at their end."""
    if number == int(number) if abs(number) < 1e15 else False:
        return str(int(number))
    return f"{number:.10g}" if 1e-5 < abs(number) < 1e15 else f"{number:.6G}"


@lru_cache(maxsize=1024)
def _sections(code: str) -> tuple[_Section, ...]:
    """Return the sections of a format."""
    sections: list[_Section] = []
    tokens: list[Token] = []
    condition: tuple[str, float] | None = None
    for match in _TOKEN.finditer(code if len(code) <= _MOST_CHARACTERS else GENERAL):
        quoted, escaped, bracket, general_, exponent, date, other = match.groups()
        if other == ";":
            sections.append(_section(tokens, condition))
            tokens, condition = [], None
        elif bracket is not None:
            if found := _CONDITION.fullmatch(bracket):
                condition = found[1], float(found[2])
            elif found := _CURRENCY.fullmatch(bracket):
                tokens.append(("literal", found[1]))
            elif _ELAPSED.fullmatch(bracket):
                tokens.append(("elapsed", bracket.lower()))
        elif quoted is not None or escaped is not None:
            tokens.append(("literal", quoted if quoted is not None else escaped))
        elif general_ or exponent:
            tokens.append(("general", "") if general_ else ("exponent", exponent))
        elif date:
            tokens.append(("date", date))
        elif other is not None:
            tokens.append(("digit" if other in "0#?" else "other", other))
        else:
            tokens.append(("pad", " "))
    return (*sections, _section(tokens, condition))


def _section(tokens: list[Token], condition: tuple[str, float] | None) -> _Section:
    """Return a section. It is that of a date if a part of one is before the first digit."""
    kind = next((kind for kind, text in tokens if kind in ("elapsed", "digit") or _is_date(kind, text)), "digit")
    if kind == "digit":
        plain = tuple(("literal", text) if kind == "date" else (kind, text) for kind, text in tokens)
        return _Section(plain, condition, None, _number(plain))
    lower = tuple((kind, text.lower()) if kind == "date" else (kind, text) for kind, text in tokens)
    return _Section(lower, condition, date_writer(lower), general)


def _is_date(kind: str, text: str) -> bool:
    return kind == "date" and text[0].lower() in DATE_LETTERS


def _chosen(number: float, sections: tuple[_Section, ...]) -> tuple[_Section | None, float]:
    """Return the section for a number, and the number that it shows: without sign, where the section is for negatives."""
    sections = sections[:3]
    if any(section.condition for section in sections):
        for place, section in enumerate(sections):
            if section.condition is None or _COMPARE[section.condition[0]](number, section.condition[1]):
                return section, abs(number) if place and number < 0 else number
        return None, number
    if number < 0 and len(sections) > 1:
        return sections[1], -number
    return (sections[2] if number == 0 and len(sections) > 2 else sections[0]), number


def _number(tokens: tuple[Token, ...]) -> Written:
    """Return what writes a number by the parts of a section."""
    kinds = [kind for kind, _ in tokens]
    if "general" in kinds:
        return lambda number: _joined(general(number) if kind == "general" else text for kind, text in tokens)
    if "digit" not in kinds:  # such as a section with a text for all negative numbers
        return lambda number: _joined(general(number) if token == ("other", "@") else token[1] for token in tokens)
    first = kinds.index("digit")
    last = len(kinds) - 1 - kinds[::-1].index("digit")
    digits = tokens[first : last + 1]
    if "exponent" in kinds[first:last]:
        return _framed(tokens, first, last, lambda number: _scientific(number, digits))
    if ("other", "/") in digits:
        return _framed(tokens, first, last, lambda number: _fraction(number, digits))
    return _plain(tokens, first, last)


def _joined(texts: Iterable[str]) -> str:
    return " ".join("".join(texts).split())


def _framed(tokens: tuple[Token, ...], first: int, last: int, digits: Written) -> Written:
    """Return what writes digits, with what is before and behind them, and a sign in front where there is a digit but 0."""
    before = "".join(text for _, text in tokens[:first]).lstrip()
    after = "".join(text for _, text in tokens[last + 1 :]).rstrip()

    def write(number: float) -> str:
        text = digits(number)
        sign = "-" if number < 0 and any(map(text.__contains__, "123456789")) else ""
        return f"{sign}{before}{text}{after}"

    return write


def _plain(tokens: tuple[Token, ...], first: int, last: int) -> Written:
    """Return what writes a number with digits, thousands, a point and literals between the digits."""
    if first and tokens[first - 1] == ("other", "."):
        first -= 1
    pattern = tokens[first : last + 1]
    end = last + 1
    while end < len(tokens) and tokens[end] == ("other", ","):  # a comma behind the last digit divides by a thousand
        end += 1
    power = 2 * tokens.count(("other", "%")) - 3 * (end - last - 1)
    point = pattern.index(("other", ".")) if ("other", ".") in pattern else len(pattern)
    whole = pattern[:point]
    decimals = "".join(text for kind, text in pattern[point:] if kind == "digit")[:_MOST_DIGITS]
    optional = len(decimals) - len(decimals.rstrip("#?"))
    step = Decimal(1).scaleb(-len(decimals))

    def digits(number: float) -> str:
        value = Decimal(repr(abs(number)))
        rounded = (value.scaleb(power) if power else value).quantize(step, ROUND_HALF_UP)
        before, _, after = f"{rounded:f}".partition(".")
        if optional:
            after = after[:-optional] + after[-optional:].rstrip("0")
        return f"{_whole_part(before, whole)}.{after}" if after else _whole_part(before, whole)

    return _framed(tokens, first, end - 1, digits)


def _whole_part(digits: str, pattern: tuple[Token, ...]) -> str:
    """Return the digits before the point: zeros in front as the pattern demands, literals between them, such as 12-34."""
    wanted = [text for kind, text in pattern if kind == "digit"]
    zeros = len(wanted) - wanted.index("0") if "0" in wanted else 0
    digits = digits.lstrip("0").rjust(zeros, "0")
    if ("other", ",") in pattern:
        return f"{int(digits):,}".rjust(zeros, "0") if digits else ""
    if len(wanted) == len(pattern):
        return digits
    text, left = "", list(digits)
    for kind, literal in reversed(pattern):
        if kind == "digit":
            text = (left.pop() if left else "") + text
        elif left or literal.strip():
            text = literal + text
    return "".join(left) + text


def _scientific(number: float, pattern: tuple[Token, ...]) -> str:
    at = next(place for place, (kind, _) in enumerate(pattern) if kind == "exponent")
    mantissa = pattern[:at]
    point = mantissa.index(("other", ".")) if ("other", ".") in mantissa else len(mantissa)
    decimals = sum(kind == "digit" for kind, _ in mantissa[point:])
    text, _, exponent = f"{abs(number):.{min(decimals, _MOST_DIGITS)}E}".partition("E")
    sign = "-" if exponent.startswith("-") else "+" if pattern[at][1].endswith("+") else ""
    width = sum(kind == "digit" for kind, _ in pattern[at:])
    return f"{text}E{sign}{exponent.lstrip('+-').lstrip('0').rjust(min(width, _MOST_DIGITS), '0')}"


def _fraction(number: float, pattern: tuple[Token, ...]) -> str:
    """Return a number such as `1 1/2`; the digits behind the stroke bound its denominator, or are it."""
    at = pattern.index(("other", "/"))
    below = "".join(text for kind, text in pattern[at + 1 :] if kind in ("digit", "other"))
    value = Fraction(abs(number))
    if below.isdecimal() and int(below):
        numerator, denominator = round(value * int(below)), int(below)
    else:
        near = value.limit_denominator(10 ** min(max(1, len(below)), 6) - 1)
        numerator, denominator = near.numerator, near.denominator
    over = [kind for kind, _ in pattern[:at]]
    has_whole = any(kind not in ("digit",) for kind in over)  # digits, a space, and the numerator's digits
    whole, numerator = divmod(numerator, denominator) if has_whole else (0, numerator)
    parts = [str(whole)] if whole or (has_whole and not numerator) else []
    return " ".join([*parts, f"{numerator}/{denominator}"] if numerator or not has_whole else parts)
