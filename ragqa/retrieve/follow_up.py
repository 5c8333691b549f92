"""Follow-up questions: whether a question stands alone, and what is searched for where it does not. It uses words only.

The rule is for English, as are the stop words; a question in another language is taken to stand alone if it has words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa import text_analysis
from ragqa.question_analysis import analyse
from ragqa.retrieve import MAX_QUESTION_CHARS

QUESTION_WORDS, CITED_WORDS = 20, 12
"""The most words that are carried over from the last question, and from the text that was cited for it."""

CONTENT_WORDS = 3
"""The least words that show the topic of a question that stands alone; two do, where one of them is a name or number."""

LONG = 12
"""The words from which a question shows its topic, whatever else it points to."""

_POINTING = frozenset(
    [
        "it",
        "its",
        "itself",
        "he",
        "him",
        "his",
        "himself",
        "she",
        "her",
        "hers",
        "herself",
        "they",
        "them",
        "their",
        "theirs",
        "themselves",
        "this",
        "that",
        "these",
        "those",
        "there",
        "one",
        "ones",
        "same",
        "such",
        "another",
        "other",
        "others",
        "else",
        "both",
        "either",
        "neither",
        "former",
        "latter",
    ]
)
"""Words that point to something that was named before."""
_NEVER_RESOLVED = frozenset(["same", "such", "another", "other", "others", "else"])
"""Those of them that point to something outside of their own question."""
_TOPICLESS = frozenset(
    [
        "please",
        "tell",
        "me",
        "give",
        "show",
        "know",
        "want",
        "need",
        "like",
        "get",
        "go",
        "make",
        "say",
        "think",
        "thank",
        "thanks",
        "sorry",
        "hi",
        "hello",
        "some",
        "many",
        "much",
        "list",
        "name",
        "number",
        "kind",
        "type",
        "thing",
        "things",
        "way",
        "ways",
        "information",
        "info",
        "details",
    ]
)
"""Words of a request that do not show its topic."""
_BEGINNING = re.compile(r"\W*(?:and|but|so|or|then|also|besides|instead|what about|how about|what if)\b", re.IGNORECASE)
"""The beginning of a question that goes on with the last one."""
_CLAUSE = re.compile(r"[,;:.?!]|\b(?:and|but|or|if|when|because|while|after|before|that|which|who|so)\b", re.IGNORECASE)
_THERE_IS = re.compile(
    r"\bthere\s+(?:is|are|was|were|been|any|an?)\b|\b(?:is|are|was|were|if)\s+there\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_][\w’'-]*")


def stands_alone(question: str) -> bool:
    """Tell whether a question names its own topic, so that it is understood without the questions before it.

    It does not where it begins with a word such as "and" or "what about", where a word such as "it", "they" or "there"
    has nothing in an earlier clause to point to, or where fewer than `CONTENT_WORDS` words show its topic.
    """
    found = set(_topic_words(question))
    if len(found) >= LONG:
        return True
    if _BEGINNING.match(question) or _points_outside(question):
        return False
    return len(found) >= CONTENT_WORDS or (len(found) >= 2 and _has_name(question))


def may_stand_alone(question: str) -> bool:
    """Tell whether a question, however short, asks what something is, and points to nothing outside of it."""
    return analyse(question).kind == "definition" and not _BEGINNING.match(question) and not _points_outside(question)


def search_text(question: str, history: Sequence[tuple[str, str]]) -> str:
    """Return what is searched for: the question, after words of the last turn where it does not stand alone.

    These are words of the last question and of the text that was cited for it that show a topic and that the question
    does not have.

    :param history: earlier questions, each with the text that was cited for it, or an answer.
    """
    return with_words_of(question, history[-1]) if history and not stands_alone(question) else question


def search_text_of_part(part: str, turn: tuple[str, str]) -> str:
    """Return what is searched for a part of a question: after a part that it needs, or after the names of that part.

    :param turn: the part before it, with the text that was cited for it.
    """
    if not stands_alone(part):
        return with_words_of(part, turn)
    names = [name for name in analyse(turn[0]).names if name.lower() not in part.lower()]
    return f"{' '.join(names)}\n{part}" if names else part


def with_words_of(question: str, turn: tuple[str, str]) -> str:
    """Return a question after the words of a turn that are carried over; alone where there are none, or no room."""
    asked, cited = turn
    known = set(text_analysis.terms(question))
    carried = " ".join([*_new(asked, known, QUESTION_WORDS), *_new(cited, known, CITED_WORDS)])
    text = f"{carried}\n{question}"
    return text if carried and len(text) <= MAX_QUESTION_CHARS else question


def _new(text: str, known: set[str], most: int) -> list[str]:
    """Return the first words that show the topic of a text and whose terms are not known, which then are known."""
    found: list[str] = []
    for word in _topic_words(text):
        term = text_analysis.term(word)
        if len(found) < most and term not in known:
            known.add(term)
            found.append(word)
    return found


def _points_outside(question: str) -> bool:
    """Tell whether a pointing word of a question points to something that the question does not name before it."""
    text = _THERE_IS.sub(lambda match: " " * len(match[0]), question)
    for word in _WORD.finditer(text):
        pointing = word[0].lower()
        if pointing not in _POINTING or (pointing == "that" and _begins_clause(text, word)):
            continue
        ends = [clause.start() for clause in _CLAUSE.finditer(text, 0, word.start())]
        if pointing in _NEVER_RESOLVED or not ends or not _topic_words(text[: ends[-1]]):
            return True
    return False


def _begins_clause(text: str, that: re.Match[str]) -> bool:
    """Tell whether a "that" is no pronoun: a word follows it, and what it belongs to stands before it."""
    return bool(re.match(r"\s+\w", text[that.end() :])) and bool(_topic_words(text[: that.start()]))


def _topic_words(text: str) -> list[str]:
    """Return the words that show the topic of a text."""
    return [
        word
        for word in text_analysis.words(text)
        if word not in text_analysis.STOP_WORDS | _TOPICLESS | _POINTING
        and (len(word) > 1 or word.isdigit() or not word.isascii())
    ]


def _has_name(text: str) -> bool:
    """Tell whether a word after the first begins with a capital letter, or any word has a digit."""
    return any(
        (word[0][0].isupper() and word.start() > 0 and word[0].lower() not in text_analysis.STOP_WORDS)
        or any(letter.isdigit() for letter in word[0])
        for word in _WORD.finditer(text)
    )
