"""Cuts a text that asks several questions into these, by rules for English."""

from __future__ import annotations

import re

from ragqa import text_analysis

_ASKING = r"(?:what|which|who|whom|whose|how|why|when|where)"
_AUXILIARY = (
    r"(?:is|are|was|were|am|do|does|did|can|could|may|might|must|should|will|would|shall|has|have|had|there|many|much)"
)
_NEXT = re.compile(rf"\?+\s+(?=[\w\"'])|,?;?\s+and,?\s+(?:also,?\s+)?(?={_ASKING}\s)", re.IGNORECASE)
"""The place between two questions: a question mark, or "and" before a question word."""
_BEGINS = re.compile(rf"\W*(?:\w+\W+){{0,2}}?{_ASKING}\b|\W*{_AUXILIARY}\b", re.IGNORECASE)
_WHOLE = re.compile(
    rf"(?:and |but |also )?{_ASKING}\b.*?\b{_AUXILIARY}\b.*\w|who(?:m|se)? \w+s \w|{_AUXILIARY} \w+", re.IGNORECASE
)
"""A clause that is a question of its own: a question word with a verb, or a verb at the beginning."""
_ALSO = re.compile(r"^(?:and|but|also|or)\b[, ]*", re.IGNORECASE)
_EMPTY = frozenset(["please", "also", "thank", "thanks", "right", "much", "many"])
OWN_WORDS = 2
"""The least words that say what a part after the first asks for. "What does it cost?" is answered with the part before it."""
MOST = 3
"""The most parts of a question; a text with more is one question."""


def parts(text: str) -> list[str]:
    """Return the questions of a text, in order; the text alone where it asks one.

    Each part has a verb, and each after the first has `OWN_WORDS` words of its own.
    """
    found: list[str] = []
    start = 0
    for place in _NEXT.finditer(text):
        before, after = text[start : place.start()].strip(), text[place.end() :].strip()
        if _is_question(_ALSO.sub("", before, count=1)) and _asks(after):
            found.append(before + ("" if before.endswith("?") else "?"))
            start = place.end()
    if not 0 < len(found) < MOST:
        return [text]
    return [found[0], *(_ALSO.sub("", part, count=1) for part in [*found[1:], text[start:].strip()])]


def _is_question(text: str) -> bool:
    return bool(_BEGINS.match(text)) and len(text.split()) >= 3 and bool(text_analysis.content_words(text))


def _asks(text: str) -> bool:
    own = [word for word in text_analysis.content_words(text) if word not in _EMPTY]
    return bool(_WHOLE.match(_ALSO.sub("", text, count=1))) and len(own) >= OWN_WORDS
