"""The analysis of a question by rules: its kind, the type of a short answer to it, its names and numbers.

The rules are for English. A question in another language has no names, and mostly the kind `other`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ragqa import question_words, text_analysis
from ragqa.comparisons import EITHER
from ragqa.languages import language_of

QuestionKind = Literal["fact", "yes_no", "how", "why", "list", "compare", "summary", "definition", "other"]
"""`other` is a question by keywords, or one that no rule recognises."""
AnswerType = Literal["date", "number", "person", "place", "thing"]
"""The type of a short answer. `thing` fits every text."""

_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|please|ok|okay|so|and|but|well)\b[,!. ]*|"
    r"(?:can|could|would|will) you (?:please )?(?:also )?(?:tell me(?! (?:more )?about\b)|let me know|help me (?:understand|find)|explain to me)\b[,: ]*|"
    r"(?:i(?:'d| would) like to know|i want to know|i am wondering|i'm wondering|do you know|any idea|tell me(?! (?:more )?about\b))\b[,: ]*)+",
    re.IGNORECASE,
)
_AUXILIARY = (
    "is are was were am do does did can could will would shall should has have had may might must isn't aren't wasn't "
    "weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't hasn't haven't"
)
_YES_NO = re.compile(
    rf"^(?:{'|'.join(_AUXILIARY.split())})\b|,? (?:right|correct|isn't it|is that so)\s*\?*$", re.IGNORECASE
)
_REQUEST = re.compile(r"^(?:can|could|would|will) you (?:please )?", re.IGNORECASE)
_COMPARE = re.compile(
    r"\b(?:differences? between|differs?\b.*\bfrom|different from|compare[ds]?|comparison|versus|vs\.?)(?:\W|$)|"
    r"\b(?:better|cheaper|faster|larger|bigger|smaller|longer|shorter|older|more|less)\b.*\b(?:than|or)\b|"
    r"^(?:which|what|who)\b.*,.*\bor\b",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"^(?:summari[sz]e|give (?:me )?(?:an? )?(?:short |brief )?(?:summary|overview)|overview of|describe|explain|tell me (?:more )?about)\b|"
    r"\bwhat (?:is|are|was|were)\b.*\babout\W*$|\b(?:summary|overview) of\b|^(?:more|anything|information|details) (?:about|on)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|old|long|far|high|tall|deep|wide|large|big|fast|heavy|often|big|hot|cold|soon|late|early)\b|"
    r"\b(?:what|which) (?:is the |was the |are the |were the )?(?:\w+ ){0,2}?(?:number|percentage|percent|share|amount|price|cost|"
    r"fee|rate|size|height|length|distance|population|age|temperature|speed|weight|area|total|sum|limit|salary|budget)\b|"
    r"^what (?:do|does|did|will|would) .*\b(?:cost|weigh|earn|pay)\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"^(?:(?!what|which|who|how|why|where)\w+ ){0,3}?when\b|(?:\band|[?.!]) when\b|\b(?:what|which|in what|in which|on what|on which) (?:year|date|day|month|century|decade|time)\b|"
    r"\bdeadline\b",
    re.IGNORECASE,
)
_LIST = re.compile(
    r"^(?:list|name|enumerate|give (?:me )?(?:all|some|the|a list|examples?))\b|"
    r"\b(?:what|which) (?:\w+ )?(?:types?|kinds?|sorts?|examples|categories|steps|reasons|ways) (?:of\b|are\b|can\b|do\b|does\b)|"
    r"^(?:what|which) (?:are|were) (?:the|some|all|your|its|their|our)\b|"
    r"^what (?:does|do|did|is|are) .*\b(?:include|included|cover|covered|contain|consist of|offer|require|need|needed)\b|"
    r"^(?:what|which) (?!(?:is|was|has|does|happens)\b)(?:\w+ ){0,2}\w+[^s\W]s "
    r"(?!(?:is|was|has|does|the|an?|of|in|on|to|for|by|at|from|with|through)\b)\w+",
    re.IGNORECASE,
)
_DEFINITION = re.compile(
    r"^what(?:'s| is| are| was| were) (?:an? |the )?[^,]{1,60}$|\bwhat does .* (?:mean|stand for|do)\b|\b(?:definition|meaning) of\b|^define\b|^who (?:is|was|are|were) (?-i:[A-Z\"'])",
    re.IGNORECASE,
)
_WHAT_DOES = re.compile(
    r"^what (?:(?:do|does|did|can|could|may|must|should|will|would|has|have|had)\b|\w+ed\b|happen)", re.IGNORECASE
)
"""The beginning of a question for what somebody does or what happens, whose answer is seldom a name."""
_WHY = re.compile(
    r"^why\b|\bwhy (?:is|are|was|were|do|does|did|can|should|would)\b|\bwhat (?:is|was|are|were) the (?:reason|cause|purpose|point)s?\b|\bwhat causes?\b|^how come\b",
    re.IGNORECASE,
)
_HOW = re.compile(
    r"^(?:(?:in |on )?(?:what|which) way|how)\b|\bhow to\b|\bhow (?:do|does|did|can|could|should|would|is|are|was|were)\b|\bsteps to\b|^what (?:should|must|can) (?:i|we|one|you) do\b",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"^(?:from |to )?where\b|\b(?:what|which) (?:country|city|place|town|state|region|continent|river|street|building|room|location)\b",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"\b(?:who|whom|whose)\b|\b(?:what|which) (?:person|company|organi[sz]ation|team|author|group|people|country's)\b",
    re.IGNORECASE,
)
_CAPITAL = "A-ZÀ-ÖØ-Þ"
_NAMED = re.compile(
    rf"\b(?:\d*[{_CAPITAL}][\w'’.&-]*|[a-z]+[{_CAPITAL}]\w*)"
    rf"(?:\s+(?:(?:of|the|de|van|von|der|la)\s+)*(?:[{_CAPITAL}][\w'’.&-]*|\d+\b))*"
)
_POSSESSIVE = re.compile(r"['’]s(?=\s|$)")
_DIGITS = re.compile(r"(?<![\w.])\d[\d,.]*(?:\w+)?")

_A_DATE = re.compile(
    r"(?<![\d.,])[12]\d{3}(?![\d,]\d)|\b\d{1,2}:\d\d\b|\d\s?[ap]\.?m\b|\do?'clock|\d(?:st|nd|rd|th)\b|"
    r"\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b|\b(?:in|by|since|until|around|ad) \d{3}(?=[.,;)]|\s(?:ad|bc)\b|$)|"
    r"(?-i:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b)",
    re.IGNORECASE,
)
"""A year, a clock time, a day of a month, a date in figures, a short name of a weekday."""
_DEFINING = frozenset(["is", "are", "was", "were", "means", "helps", "tells"])
MOST_LETTERS = 6
"""The most letters of an abbreviation that is spelled out."""
SUBJECT_WORDS = 4
"""The most words of a subject that is defined."""


@dataclass(frozen=True, slots=True)
class QuestionAnalysis:
    """The result of the rules for one question.

    `core` is the question without polite words around it. `names` are its proper names, and `numbers` its numbers, as
    they are written. `terms` are its search terms without function words, each once. `language` is that of the question
    where it is known not to be English, and else empty.
    """

    core: str
    kind: QuestionKind
    answer_type: AnswerType
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    terms: tuple[str, ...]
    language: str = ""

    @property
    def own(self) -> str:
        """Return the core without the words of the turn before, which stand on a line above it."""
        return self.core.rpartition("\n")[2]


def analyse(question: str) -> QuestionAnalysis:
    """Return the analysis of a question."""
    core = " ".join(question.split())
    core = core[_POLITE.match(core).end() :] if _POLITE.match(core) else core  # type: ignore[union-attr]
    core = core or question.strip()
    words = [word for word in text_analysis.words(core) if word not in text_analysis.STOP_WORDS]
    kind, language = _kind(core), foreign_language(core)
    terms = [text_analysis.term(word) for word in words]
    return QuestionAnalysis(
        core,
        kind,
        _answer_type(core),
        () if language else proper_names(core),
        tuple(dict.fromkeys(match.group().rstrip(".,") for match in _DIGITS.finditer(core))),
        tuple(dict.fromkeys(term for term in terms if term not in question_words.ASKING.get(kind, ()))),
        language,
    )


def foreign_language(text: str) -> str:
    """Return the language of a question by its function words; empty for English, and where they do not show it.

    Words with a capital letter within the question do not count, since they may be names.
    """
    small = [word for number, word in enumerate(text.split()) if number == 0 or not word[:1].isupper()]
    return language_of(" ".join(small))


def _kind(text: str) -> QuestionKind:
    """Return the kind of a question by the first rule that matches."""
    asked = _REQUEST.sub("", text)
    rules: tuple[tuple[QuestionKind, bool], ...] = (
        ("compare", bool(_COMPARE.search(asked) or EITHER.match(asked))),
        ("summary", bool(_SUMMARY.search(asked))),
        ("yes_no", asked == text and bool(_YES_NO.search(text))),
        ("why", bool(_WHY.search(asked))),
        ("fact", bool(_NUMBER.search(asked) or _DATE.search(asked))),
        ("list", bool(_LIST.search(asked))),
        ("how", bool(_HOW.search(asked))),
        (
            "fact",
            bool(
                _WHERE.search(asked)
                or re.match(r"(?:\w+ ){0,2}who(?:m|se)?\b(?! (?:is|was|are|were) (?-i:[A-Z\"']))", asked, re.I)
            ),
        ),
        ("definition", bool(_DEFINITION.search(asked))),
        ("other", bool(_WHAT_DOES.match(asked))),
        ("fact", bool(re.search(r"\b(?:what|which)\b", asked, re.IGNORECASE))),
    )
    return next((kind for kind, matches in rules if matches), "other")


def _answer_type(text: str) -> AnswerType:
    if _NUMBER.search(text):
        return "number"
    if _DATE.search(text):
        return "date"
    if _WHO.search(text):
        return "person"
    return "place" if _WHERE.search(text) else "thing"


def proper_names(text: str) -> tuple[str, ...]:
    """Return the proper names of a question: its words with a capital letter, where other words are without one.

    The first word counts only if a name goes on after it, since every question begins with a capital letter. A text in
    title case or capital letters has no names.
    """
    if _is_title_case(text):
        return ()
    found: list[str] = []
    for match in _NAMED.finditer(text):
        for number, part in enumerate(_POSSESSIVE.split(match.group())):
            words = given = part.rstrip(".'’").split()
            while words and words[0].lower().removesuffix("'s").rstrip(".") in question_words.NO_NAME:
                words = words[1:]
            within = match.start() > 0 or number > 0 or words != given
            if words and (within or len(words) > 1 or _is_code(words[0])):
                found.append(" ".join(words))
    return tuple(dict.fromkeys(found))


def _is_title_case(text: str) -> bool:
    """Tell whether the capital letters of a text show no names: all words have one, or most function words do."""
    words = [word for word in text.split() if word[:1].isalpha()]
    functions = [word for word in words[1:] if word.lower() in text_analysis.STOP_WORDS - {"i"}]
    if sum(word[0].isupper() for word in functions) > len(functions) / 2:
        return True
    return len(words) > 2 and all(word[0].isupper() for word in words)


def _is_code(word: str) -> bool:
    """Tell whether a word looks like a name by its letters alone: `PerksPlus`, `NASA`, `M3`."""
    return len(word) > 1 and (any(c.isupper() for c in word[1:]) or any(c.isdigit() for c in word))


def fits(answer_type: AnswerType, text: str) -> bool:
    """Tell whether a text can be an answer of a type; of several that fit, none is preferred."""
    words = text_analysis.words(text)
    if answer_type == "date":
        return has_date(text)
    if answer_type == "number":
        return any(c.isdigit() for c in text) or bool(question_words.NUMBER.intersection(words))
    if answer_type in ("person", "place"):
        if any(word[:1].isupper() for word in re.findall(r"\w+", text)):
            return True
        said = bool(text_analysis.content_words(text)) and not any(c.isdigit() for c in text)
        return said and (answer_type == "place" or words[0] not in question_words.NO_PERSON)
    return bool(words)


def defines(question: QuestionAnalysis, text: str, around: str = "") -> bool:
    """Tell whether a text says what the subject of a question is: it begins with its words, and a verb follows.

    A text that spells out an abbreviation says what that is.

    :param around: the title and the heading of the text. They may have the words of the question after the first:
        "What is ownership in Rust?" is answered by "Ownership is ..." in a book about Rust.
    """
    if question.kind not in ("definition", "summary") or not 0 < len(question.terms) <= SUBJECT_WORDS:
        return False
    if question.kind == "definition" and any(_spells_out(name, text) for name in question.names):
        return True
    words = [word for word in text_analysis.words(text)[: SUBJECT_WORDS + 4] if word not in ("the", "a", "an")]
    verb = next((place for place, word in enumerate(words) if word in _DEFINING), 0)
    subject = {text_analysis.term(word) for word in words[:verb]}
    if not verb or set(question.terms) <= subject:
        return bool(verb)
    rest = set(question.terms) - subject
    alone = question.terms[0] in subject and len(subject) <= len(question.terms)
    return alone and rest <= set(text_analysis.terms(around))


def _spells_out(name: str, text: str) -> bool:
    """Tell whether a text has an abbreviation in capital letters and the words that it stands for."""
    if not (2 <= len(name) <= MOST_LETTERS and name.isalpha() and name.isupper()) or name not in text:
        return False
    words = r"[\s-]+(?:(?:of|and|for|the|to|in)\s+)?".join(rf"\w?{letter}\w+" for letter in name)
    return bool(re.search(rf"\b{words}", text))


def has_date(text: str) -> bool:
    """Tell whether a text has a date or a time: a year, a clock time, a length of time, a month, a season."""
    words = text_analysis.words(text)
    return bool(_A_DATE.search(text)) or not question_words.DATE.isdisjoint(words)
