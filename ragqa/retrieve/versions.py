"""Versions of one document: which hits are of the same document in another version, and which of them is newer.

Two sources are versions where their names are equal without dates, version numbers and words such as `draft` or `old`,
in the same folder or in folders that differ by these alone (`archive`, `v2`, `2023`). Which is newer is told, in this
order, by: words for what is not in force (`status: superseded` in the front matter, `old` in the name, the folder
`archive`); the date from which it is in force; the version; the date in the name; another date in the front matter.
Where none of them tells, neither is preferred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ragqa import text_analysis
from ragqa.records import Hit
from ragqa.retrieve.state import RetrievalState
from ragqa.stages import Searcher

LEAST_SHARE = 0.8
"""The least score of a newer version's hit, as a share of the older one's, with which it is preferred. Below it, the
hits are about different things."""
LEAST_SHARE_IN_FORCE = 0.5
"""The same, where the older version itself says that it is not in force."""

MOST_VERSIONS = 8
"""More documents than this with one name are a series, such as minutes by date. All of them are in force."""

OVERFETCH = 20
"""The number of further hits among which other versions are looked for."""

_OUT_OF_FORCE = frozenset(
    [
        "superseded",
        "archive",
        "archived",
        "obsolete",
        "old",
        "older",
        "outdated",
        "deprecated",
        "withdrawn",
        "expired",
        "replaced",
        "previous",
        "draft",
        "proposed",
        "planned",
    ]
)
_FILLERS = (
    frozenset(
        ["v", "ver", "version", "rev", "revision", "release", "rel", "edition", "final", "new", "current", "latest"]
    )
    | _OUT_OF_FORCE
)
_PAST = frozenset(
    ["previous", "previously", "former", "formerly", "old", "older", "earlier", "superseded", "past", "archived"]
)
"""Words of a question that asks for an older version."""

_IN_FORCE_FROM = ("effective", "effective_date", "effective_from", "valid_from", "in_force_from", "in_force_since")
_DATES = ("date", "updated", "last_updated", "lastmod", "modified", "revised", "approved", "published")
_VERSIONS = ("version", "revision", "edition")

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:[-_. ]?(0[1-9]|1[0-2])(?:[-_. ]?(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_NUMBERED = re.compile(
    r"(?<![^\W\d_])(?:v|ver|version|rev|revision|release|rel|edition)[-_. ]?(\d+(?:[._]\d{1,3}(?!\d))*)(?![^\W_])",
    re.IGNORECASE,
)
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

Rank = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A source without what tells versions apart.

    :param family: folder and name; empty where nothing of the name is left, as for a file that is called by a date.
    :param date: (year, month, day) as far as the name tells, the folders before the file.
    :param number: the version number in the name.
    :param in_force: False where a word of the name says that it is not.
    """

    family: str
    date: Rank
    number: Rank
    in_force: bool

    @property
    def is_marked(self) -> bool:
        """Tell whether the name has a mark of a version."""
        return bool(self.date or self.number) or not self.in_force


@lru_cache(maxsize=1 << 16)
def name_of(source: str) -> Name:
    """Return the parts of a source."""
    *folders, file = source.split("/")
    stem = file.rpartition(".")[0] if re.search(r"\.[^\W\d_]\w{0,9}$", file) else file
    parts = [_stripped(part) for part in (*folders, stem)]
    *above, (own, _, _, _) = parts
    family = "/".join([*(part for part, *_ in above if part), own]) if re.search(r"[^\W\d_]", own) else ""
    dates = [date for _, date, _, _ in parts if date]
    numbers = [number for _, _, number, _ in parts if number]
    in_force = all(each for *_, each in parts)
    return Name(family, dates[-1] if dates else (), numbers[-1] if numbers else (), in_force)


def _stripped(part: str) -> tuple[str, Rank, Rank, bool]:
    """Return a part of a path without marks of versions, and its date, its version number and whether it is in force."""
    numbers = [_numbers(match[1]) for match in _NUMBERED.finditer(part)]
    rest = _NUMBERED.sub(" ", part)
    dates = [_as_date(match) for match in _DATE.finditer(rest)]
    words = text_analysis.name_words(_DATE.sub(" ", rest))
    kept = " ".join(word for word in words if word not in _FILLERS)
    in_force = _OUT_OF_FORCE.isdisjoint(words)
    return kept, dates[-1] if dates else (), numbers[-1] if numbers else (), in_force


def _as_date(match: re.Match[str]) -> Rank:
    return tuple(int(part) for part in match.groups() if part)


def _numbers(text: str) -> Rank:
    return tuple(int(part) for part in re.findall(r"\d+", text[:40]))


def compare(source: str, fields: Mapping[str, Any], other: str, others: Mapping[str, Any]) -> int:
    """Return 1 where a source is newer than another version of it, -1 where it is older, 0 where nothing tells."""
    pairs: list[tuple[Any, Any]] = [
        (_is_in_force(source, fields), _is_in_force(other, others)),
        (_date_in(fields, _IN_FORCE_FROM), _date_in(others, _IN_FORCE_FROM)),
        (_version(source, fields), _version(other, others)),
        (name_of(source).date, name_of(other).date),
        (_date_in(fields, _DATES), _date_in(others, _DATES)),
    ]
    for mine, theirs in pairs:
        if mine not in ((), theirs) and theirs != ():
            return 1 if mine > theirs else -1
    return 0


def are_versions(source: str, other: str) -> bool:
    """Tell whether two sources have the same name, and marks of versions in it."""
    mine, theirs = name_of(source), name_of(other)
    marked = mine.is_marked or theirs.is_marked
    return bool(source != other and marked and mine.family and mine.family == theirs.family)


def _is_in_force(source: str, fields: Mapping[str, Any]) -> bool:
    words = text_analysis.words(str(fields.get("status", "")))
    return name_of(source).in_force and _OUT_OF_FORCE.isdisjoint(words)


def _date_in(fields: Mapping[str, Any], keys: Sequence[str]) -> Rank:
    found = (_DATE.search(str(fields[key])) for key in keys if key in fields)
    return next((_as_date(match) for match in found if match), ())


def _version(source: str, fields: Mapping[str, Any]) -> Rank:
    given = (_numbers(str(fields[key])) for key in _VERSIONS if key in fields)
    return next((number for number in given if number), name_of(source).number)


def asks_for_older(question: str, older: Hit, newer: Hit) -> bool:
    """Tell whether a question names what the older of two versions has and the newer has not, or asks for the past."""
    words = set(text_analysis.words(question))
    if words & _PAST:
        return True
    return any(_names(question, words, mark) for mark in _marks(older) - _marks(newer))


def _marks(hit: Hit) -> set[str]:
    """Return the words by which a question may name a version: its year, its month and its version number."""
    name = name_of(hit.source)
    dates = [date for date in (name.date, _date_in(hit.fields, _IN_FORCE_FROM), _date_in(hit.fields, _DATES)) if date]
    marks = {str(date[0]) for date in dates} | {_MONTHS[date[1] - 1] for date in dates if len(date) > 1}
    number = _version(hit.source, hit.fields)
    return marks | ({".".join(map(str, number))} if number else set())


def _names(question: str, words: set[str], mark: str) -> bool:
    if mark.isdigit() and len(mark) < 4:  # version 2 and v2, and not any other 2
        return any(_numbers(match[1]) == (int(mark),) for match in _NUMBERED.finditer(question))
    return mark in words or any(text_analysis.occurrences(mark, question))


def prefer_newest(state: RetrievalState) -> RetrievalState:
    """Put the hits of a newer version before those of an older one that they may replace."""
    return state.with_hits(newest_first(state.hits, state.question.text, _members(state.searcher)))


def newest_first(
    hits: Sequence[Hit], question: str, members: Callable[[Hit], Mapping[str, Mapping[str, Any]]]
) -> list[Hit]:
    """Return the hits with each newer version's hit moved before the hit of an older version.

    A hit is moved where its score is at least `LEAST_SHARE` of the older one's, or `LEAST_SHARE_IN_FORCE` where the
    older one says that it is not in force; it gets the older one's score. Nothing is moved
    where the question names the older version, or where there are more than `MOST_VERSIONS`.

    :param members: returns the fields by source of all versions of a hit's document.
    """
    families = [family for source in {hit.source for hit in hits} if (family := name_of(source).family)]
    left, ordered = list(hits), list[Hit]()
    if len(families) == len(set(families)):
        return left
    while left:
        older = left[0]
        newer = [hit for hit in left[1:] if _may_replace(hit, older, question)]
        best = _newest(newer)
        if best is None or len(members(older)) > MOST_VERSIONS:
            ordered.append(left.pop(0))
            continue
        left.remove(best)
        left.insert(0, replace(best, score=max(best.score, older.score)))
    return ordered


def without_superseded(hits: Sequence[Hit], question: str) -> list[Hit]:
    """Leave out a hit behind one of a newer version of its document, unless the question asks for the older one."""
    kept: list[Hit] = []
    for hit in hits:
        newer = [other for other in kept if hit.versions.get(other.source) == "newer"]
        if all(asks_for_older(question, hit, other) for other in newer):
            kept.append(hit)
    return kept


def _may_replace(hit: Hit, older: Hit, question: str) -> bool:
    return (
        are_versions(hit.source, older.source)
        and hit.score >= _least_share(hit, older) * older.score
        and compare(hit.source, hit.fields, older.source, older.fields) > 0
        and not asks_for_older(question, older, hit)
    )


def _least_share(hit: Hit, older: Hit) -> float:
    older_is_out = _is_in_force(hit.source, hit.fields) and not _is_in_force(older.source, older.fields)
    return LEAST_SHARE_IN_FORCE if older_is_out else LEAST_SHARE


def _newest(hits: Sequence[Hit]) -> Hit | None:
    """Return the best hit of the newest version; None where there are no hits."""
    best = hits[0] if hits else None
    for hit in hits[1:]:
        if best is not None and compare(hit.source, hit.fields, best.source, best.fields) > 0:
            best = hit
    return best


def name_versions(state: RetrievalState) -> RetrievalState:
    """Return the hits with the other versions of their documents, at most `MOST_VERSIONS`."""
    members = _members(state.searcher)
    return state.with_hits([_with_versions(hit, members(hit)) for hit in state.hits])


def _with_versions(hit: Hit, members: Mapping[str, Mapping[str, Any]]) -> Hit:
    others = {source: fields for source, fields in members.items() if are_versions(hit.source, source)}
    if not 0 < len(others) < MOST_VERSIONS:
        return hit
    words = {1: "newer", -1: "older", 0: "other"}
    told = {source: words[compare(source, others[source], hit.source, hit.fields)] for source in sorted(others)}
    return replace(hit, versions=told)


def _members(searcher: Searcher) -> Callable[[Hit], Mapping[str, Mapping[str, Any]]]:
    """Return a function that returns the fields by source of all documents with the name of a hit's document."""
    known: dict[str, Mapping[str, Mapping[str, Any]]] = {}

    def members(hit: Hit) -> Mapping[str, Mapping[str, Any]]:
        family = name_of(hit.source).family
        if family not in known:
            terms = sorted({text_analysis.term(word) for word in family.rpartition("/")[2].split()})
            found = searcher.named(terms) if terms else {}
            known[family] = {source: fields for source, fields in found.items() if name_of(source).family == family}
        return known[family]

    return members
