"""Numbers and ranges as tables and questions write them: 1,250.50, 1.250,50, -15, "101-200 kWh", "over 800"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from ragqa import text_analysis

Range = tuple[Decimal, Decimal]
"""The least and the greatest number of a range."""

_TOKEN = re.compile(r"(?:(?<![\w.,:/)%-])-(?=\d))?\d+(?:[.,:/–-]+\d+)*|[^\W\d_]+\d*|\w+")
_MINUS = re.compile(r"(?<![\w.,:/)%])[−–](?=\d)")
_POSSESSIVE = re.compile(r"['’]s\b")
_NUMBER = r"(?<![\d.,:/–-])(-?\d[\d.,]*)"
_RANGE = re.compile(rf"{_NUMBER}\s*(?:-|–|\bto\b|\band\b)\s*(-?\d[\d.,]*)(?![\d]*[-–:/]\d)", re.IGNORECASE)
_BOUND = re.compile(
    r"(?:(\bover\b|\babove\b|\bmore than\b|\bfrom\b|>)|(\bunder\b|\bbelow\b|\bless than\b|\bup to\b|\buntil\b|<))"
    r"\s*=?\s*(-?\d[\d.,]*)(?!\d*[-–:/]\d)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[.,]")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+|-?[1-9]\d{0,2}(?:\.\d{3}){2,}")
_MONEY = re.compile(
    r"[$€£¥₹₽₩₪฿₴₺]|(?<![A-Za-z])(?:dollars?|euros?|cents?|crowns?|francs?|rupees?|pesos?|usd|eur|gbp|chf|prices?|priced|costs?|fees?|fares?)(?![A-Za-z])",
    re.IGNORECASE,
)
"""A sign or name of a currency, or a word of prices."""
_UNITS = """tonnes? tons? kgs? kilograms? kilos? grams? mg lbs? km kilomet(?:er|re)s? m met(?:er|re)s? cm mm miles? feet foot ft inch(?:es)?
acres? hectares? lit(?:er|re)s? % percent degrees? years? months? weeks? days? hours? minutes? seconds? people persons? kwh kw mw fold th st nd rd s"""
_MEASURED = re.compile(
    rf"(?<![\w.,])\d[\d.,]*(?:[\s-]{{1,3}}(?:hundred|thousand|million|billion))?[\s-]{{0,3}}(?:(?:short|long|metric|square|cubic)\s)?(?:{'|'.join(_UNITS.split())})(?![A-Za-z])"
    r"|(?<![\w.,])(?:1[5-9]|20)\d\d(?![\w.,]\d|\w)",
    re.IGNORECASE,
)
"""A number with a unit that is no currency, and a year."""
_PLAIN = re.compile(r"(?<![\w.,])\d[\d.,]*(?!\w)")
_ENDLESS = Decimal("Infinity")
_LITTLE = Decimal("1e-9")


def tokens(text: str) -> list[str]:
    """Return the terms of a text in order, each number as a whole and with its sign: 1,250.50, -15, 10:30 and 101-200 are one."""
    plain = _MINUS.sub("-", _POSSESSIVE.sub("", text.lower()))
    plain = plain if plain.isascii() else text_analysis.without_accents(plain)
    return [each if is_number(each) else text_analysis.term(each) for each in _TOKEN.findall(plain)]


def is_number(token: str) -> bool:
    """Tell whether a token is a number, a date, a time or a range."""
    return token[0].isdigit() or token[0] == "-"


def amount_of(number: str) -> Decimal | None:
    """Return the value of a number; None for a date, a time or a range.

    1,250 and 1.250,00 are 1250; 1.250 and 1,25 have decimals.
    """
    try:
        return Decimal(_plain(number))
    except InvalidOperation:
        return None


def _plain(number: str) -> str:
    """Return a number without marks between thousands, and with a point before its decimals."""
    if _THOUSANDS.fullmatch(number):
        return _MARKS.sub("", number)
    if number.rfind(",") > number.rfind("."):
        whole, _, decimals = number.rpartition(",")
        return f"{whole.replace('.', '')}.{decimals}" if "," not in whole else number.replace(",", "")
    return number.replace(",", "")


def is_same(one: str, other: str) -> bool:
    """Tell whether two numbers are equal, in any spelling: 1250 is 1,250.00 and 1.250,00."""
    return one == other or ((amount := amount_of(one)) is not None and amount == amount_of(other))


def digits(number: str) -> str:
    """Return the digits that every spelling of a number has, without marks and sign."""
    if amount_of(number) is None:
        return _MARKS.sub("", number).strip("-0")
    whole, _, decimals = _plain(number).lstrip("-").partition(".")
    return whole.lstrip("0") or decimals.strip("0")


def without_marks(line: str) -> str:
    """Return a line without points and commas, in which `digits` can be looked for."""
    return _MARKS.sub("", line)


def may_be_price(text: str) -> bool:
    """Tell whether a text may give a price: it speaks of money, has a number without another unit, or has no digit at all."""
    if _MONEY.search(text) or not any(c.isdigit() for c in text):
        return True
    return bool(_PLAIN.search(_MEASURED.sub(" ", text)))


def range_of(text: str) -> Range | None:
    """Return the bounds of a range such as "101-200 kWh" or "over 800"; None for a date, a time, and where a text gives none."""
    if match := _RANGE.search(text):
        low, high = amount_of(match[1].rstrip(".,")), amount_of(match[2].rstrip(".,"))
        return (low, high) if low is not None and high is not None and low < high else None
    if match := _BOUND.search(text):
        amount = amount_of(match[3].rstrip(".,"))
        if amount is None:
            return None
        return (amount + _LITTLE, _ENDLESS) if match[1] else (-_ENDLESS, amount)
    return None


def are_ranges(cells: Iterable[str]) -> bool:
    """Tell whether the cells of a column are ranges: most of them, of which no two overlap.

    The parts of phone numbers such as 555-1234 overlap, and so do hours such as 9-18.
    """
    texts = [each for each in cells if each.strip()]
    found = [found for each in texts if (found := range_of(each)) is not None]
    apart = sorted({*found})
    return 2 * len(found) > len(texts) and len(apart) > 1 and all(one[1] <= other[0] for one, other in pairwise(apart))
