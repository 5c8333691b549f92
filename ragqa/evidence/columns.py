"""The words of questions that name a column in other words than its header: "how long" asks for the column Length."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set

from ragqa import text_analysis
from ragqa.evidence.passages import Candidate
from ragqa.question_analysis import QuestionAnalysis
from ragqa.stages import IndexReader

NAMED, HINTED, OPENING = 100, 10, 1
"""How much a word of the column's own name counts, a word of `_WORDS`, and one of `_OPENINGS`, which fits many columns."""

_PRICE = "price cost fee rate charge tariff fare rent"
_OPENINGS = {
    "much": _PRICE,
    "when": "date day year time",
    "where": "location place city town address venue site office room",
    "who": "name person",
}
"""The words with which questions begin, and the names of columns for which they may ask."""
_DEGREES = {
    "long": ("length", "duration time"),
    "tall": ("height", ""),
    "high": ("height", "altitude elevation"),
    "deep": ("depth", "draught draft"),
    "wide": ("width", "breadth beam"),
    "thick": ("", "thickness"),
    "heavy": ("weight", "mass"),
    "old": ("age", "built born birth"),
    "far": ("distance", ""),
    "fast": ("", "speed"),
    "hot warm cold": ("", "temperature"),
    "big large": ("", "size area population"),
    "loud": ("", "noise volume"),
    "expensive cheap": ("", _PRICE),
    "strong": ("", "strength power"),
    "powerful": ("", "power"),
}
"""Words that follow "how", and the names of columns for which they ask; the first is of their family (`families.py`)."""
_WORDS = {
    "weigh": ("weight", "mass"),
    "cost": ("price", _PRICE),
    "pay charge": ("", _PRICE),
    "last": ("", "duration length"),
    "born": ("", "birth birthday"),
    "head lead manage boss supervisor": ("", "manager head supervisor lead"),
    "phone telephone call": ("", "extension phone telephone"),
    "mail": ("", "mail email"),
    "room": ("", "room office"),
    "sit": ("", "seats"),
    "leave depart": ("", "departure departs leaves"),
    "arrive": ("", "arrival arrives"),
    "start begin": ("", "start begin since joined"),
    "end finish": ("", "end finish"),
    "inhabitant live people": ("", "population inhabitants"),
    "calorie": ("", "energy calories kcal"),
}
"""Other words of questions, likewise."""
MEASURES = [(noun, words) for words, (noun, _) in (*_DEGREES.items(), *_WORDS.items()) if noun]
"""Names of columns, each with a word of its family."""


def _by_term(words: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {
        each: frozenset(text_analysis.terms(names)) for key, names in words.items() for each in text_analysis.terms(key)
    }


_TERMS = _by_term({words: " ".join(names) for words, names in (*_DEGREES.items(), *_WORDS.items())})
_OPENING_TERMS = _by_term(_OPENINGS)
DEGREES = frozenset(text_analysis.terms(" ".join(_DEGREES)))
"""The words that follow "how"; they name no row."""


def shares(term: str, names: Sequence[Set[str]]) -> list[int]:
    """Return for each column, by the terms of its name, how much a term of a question names it."""
    hinted, opening = _TERMS.get(term, frozenset()), _OPENING_TERMS.get(term, frozenset())
    return [NAMED if term in name else HINTED if hinted & name else OPENING if opening & name else 0 for name in names]


_VERB = r"(?:is|are|was|were|has|have|had|does|do|did|can|will|would)"
_NOUN = re.compile(
    rf"^(?:(?:in|at|on|for|from|to|with) )?(?:which|what) (?P<a>[^\W\d_]+) {_VERB}\b"
    rf"|^how much (?P<b>[^\W\d_]+) (?:has|have|had|does|do|did|(?:is|are) (?:there )?in)\b"
    r"|^(?:what|who)(?:['’]s| is| are| was| were) the (?:\w+ ){0,2}?(?P<c>[^\W\d_]+) of\b"
    r"|^(?:what|how much) (?:do|does|did) (?:the |an? )?(?P<e>[^\W\d_]+) (?:pay|get|earn)\b"
    r"|^(?:what|who) (?:is|are|was|were) .*\w['’]s? (?:\w+ )?(?P<d>[^\W\d_]+)\W*$",
    re.IGNORECASE,
)
"""The noun in the position of the name of a column: "which teacher has", "how much sugar has", "the salary of",
"Ana's salary", "what do farms pay"."""
_ANY_NOUN = frozenset(
    text_analysis.terms(
        "number amount kind type sort name time date day year place person people money thing one way value unit share "
        "percent percentage result rest please today now exactly currently"
    )
)
"""Words in that position that fit many columns, or name none."""


def _nouns_asked_for(question: str, names: Set[str]) -> list[str]:
    """Return the noun of a question in the position of the name of a column; [] for none, and for one that any name may have.

    :param names: the terms of the names of the columns, none of which it names, by another word either.
    """
    match = _NOUN.match(question)
    word = match[match.lastgroup].lower() if match and match.lastgroup else ""
    term = text_analysis.term(word)
    alike = {each for group in (*_TERMS.values(), *_OPENING_TERMS.values()) if term in group for each in group}
    if not word or word in text_analysis.STOP_WORDS or term in _ANY_NOUN or alike & names or shares(term, [names])[0]:
        return []
    return [word]


def missing(question: QuestionAnalysis, best: Candidate, reader: IndexReader) -> tuple[str, ...]:
    """Return the nouns that a question for a fact asks for and no document has, where a row of a table is the best evidence.

    The row has the words that name it, so that such a noun asks for a column that the table has not.
    """
    if question.kind not in ("fact", "definition") or best.kind != "row" or best.header is None:
        return ()
    asked = _nouns_asked_for(question.core, set(text_analysis.terms(best.before)))
    counts = reader.document_counts([text_analysis.term(word) for word in asked])
    return tuple(word for word, count in zip(asked, counts, strict=True) if not count)
