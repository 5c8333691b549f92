"""Numbers of days as dates and times: `2024-03-01`, `1 March 2024`, `14:30`. Names of months and days are English."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

LETTERS = frozenset("ymdhsa")
"""The first letters of a date format's parts."""
DateWriter = Callable[[float, bool], str]
"""Writes a number of days, counted from 1904 or not; "" where it is no date."""

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST_1900, _FIRST_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_MOST_DAYS = 2_958_465  # 9999-12-31
_FALSE_LEAP_DAY = 60
"""Spreadsheets count a 29th of February 1900; the days before it are one later than their number says."""
_MOST_DECIMALS = 3
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def date_writer(tokens: Sequence[tuple[str, str]]) -> DateWriter:
    """Return a function that writes a number of days by the parts of a date format."""
    parts = [token for token in tokens if token[0] != "pad" and token != ("other", "@")]
    decimals = min(_MOST_DECIMALS, sum(kind == "digit" for kind, _ in parts))
    half_days = any(text in ("am/pm", "a/p") for kind, text in parts if kind == "date")
    minutes = {place for place in range(len(parts)) if _is_minutes(parts, place)}

    def pieces(seconds: float, moment: datetime) -> Iterator[str]:
        before = ""
        for place, (kind, text) in enumerate(parts):
            if kind == "date":
                yield _part(text, moment, half_days, place in minutes)
            elif kind == "elapsed":
                yield str(int(seconds // _SECONDS[text[0]])).rjust(len(text), "0")
            elif kind != "digit":
                yield text
            elif before != "digit":
                yield f"{seconds % 1:.{decimals}f}"[2:]
            before = kind

    def write(number: float, from_1904: bool) -> str:
        if not 0 <= number <= _MOST_DAYS:
            return ""
        seconds = round(number * 86_400, decimals) if decimals else math.floor(number * 86_400 + 0.5)
        early = not from_1904 and 0 < number < _FALSE_LEAP_DAY
        moment = (_FIRST_1904 if from_1904 else _FIRST_1900) + timedelta(days=int(early), seconds=seconds)
        return " ".join("".join(pieces(seconds, moment)).split())

    return write


def _is_minutes(parts: Sequence[tuple[str, str]], place: int) -> bool:
    """Tell whether an `m` is behind hours or before seconds, so that it means minutes."""
    clock = [(n, text) for n, (kind, text) in enumerate(parts) if kind in ("date", "elapsed")]
    before = [text for n, text in clock if n < place]
    after = [text for n, text in clock if n > place]
    return bool((before and before[-1][0] == "h") or (after and after[0][0] == "s"))


def _part(text: str, moment: datetime, half_days: bool, is_minutes: bool) -> str:
    letter, length = text[0], len(text)
    if letter in "ye":
        return str(moment.year) if length > 2 or letter == "e" else f"{moment.year % 100:02}"
    if letter == "m" and not is_minutes:
        name = _MONTHS[moment.month - 1]
        return (f"{moment.month}", f"{moment.month:02}", name[:3], name, name[:1])[min(length, 5) - 1]
    if letter == "d":
        name = _DAYS[moment.weekday()]
        return (f"{moment.day}", f"{moment.day:02}", name[:3], name)[min(length, 4) - 1]
    if letter == "h":
        hour = (moment.hour % 12 or 12) if half_days else moment.hour
        return f"{hour:02}" if length > 1 else str(hour)
    if letter in "ms":
        value = moment.minute if letter == "m" else moment.second
        return f"{value:02}" if length > 1 else str(value)
    if letter == "a":
        return ("AM" if moment.hour < 12 else "PM")[: 2 if length > 3 else 1]
    return ""
