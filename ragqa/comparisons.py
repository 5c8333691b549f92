"""A question that compares -> the two things that it compares, however their names are written: "otsl or html, which is faster"."""

from __future__ import annotations

import re

from ragqa import text_analysis

MOST_WORDS = 6
"""The most words of the name of a thing."""
_COMPARATIVE = (
    r"(?:better|worse|more|less|(?!(?:other|rather|order|number|water|paper|under|over|ever|never|after)\b)\w{2,}er)\b"
)
_ONE = r"(?P<one>[^,;:?]{1,60}?)"
_OTHER = r"(?P<other>[^,;:?]{1,60}?)"
_END = r"\s*(?:[?.!,;:]|$)"
EITHER = re.compile(
    r"^(?!(?:if|when|in|on|at|for|after|before|without|with|during|from|because|since|as|until|unless)\b)"
    rf"{_ONE},? or {_OTHER}(?:[,:]| -) ?(?:which|what|who)\b",
    re.IGNORECASE,
)
"""Two things before the question: "the tern or the lapwing, which is faster"."""
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\bbetween {_ONE} and {_OTHER}{_END}",
        rf"\bcompare[ds]? (?:the )?{_ONE} (?:and|with|to|against) {_OTHER}{_END}",
        rf"^{_ONE},? (?:compared (?:to|with)|versus|vs\.?) {_OTHER}{_END}",
        rf"^(?:which|what|who)\b[^,:?]*[,:] ?(?:the )?{_ONE},? or {_OTHER}{_END}",
        EITHER.pattern,
        rf"^(?:is|are|was|were) {_ONE} (?:\w+ )?{_COMPARATIVE}(?: \w+)? than {_OTHER}{_END}",
        rf"\b(?:is|are|do|does|did) {_ONE} (?:differ|different) from {_OTHER}{_END}",
    )
]
_ARTICLE = re.compile(r"^(?:the|an?|your|our|my)\s+", re.IGNORECASE)


def compared(question: str) -> tuple[str, ...]:
    """Return the two things that a question compares, as they are written; () where no form of question is known."""
    for form in _FORMS:
        if match := form.search(question):
            things = tuple(_ARTICLE.sub("", match[name].strip(" \"'“”")) for name in ("one", "other"))
            if all(text_analysis.content_words(each) and len(each.split()) <= MOST_WORDS for each in things):
                return things
    return ()
