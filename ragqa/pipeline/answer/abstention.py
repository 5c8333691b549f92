"""When there is no answer, why, and what the user can do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.evidence import Evidence
from ragqa.messages import nearest
from ragqa.question_analysis import proper_names
from ragqa.records import Hit

REFUSALS = ("i do not know", "i don't know", "the passages do not", "not mentioned in the passages", "no answer")

_ADVICE = {
    "nothing_asked": "name what the question is about, such as a person, a place, a product or a subject",
    "unknown_name": "check how the name is written, or add the documents that are about it",
    "no_evidence": "ask with words of the documents, or add documents about it",
    "low_confidence": "read the nearest passages, or ask more precisely",
    "not_in_passages": "read the nearest passages, or ask with other words",
    "unsupported": "read the nearest passages, or ask more precisely",
    "deadline": "raise generate.deadline, or use a smaller model",
}
"""What a user can change, by reason."""
_EAGER = "`--set prompt.min_confidence=eager` may answer: it gives more answers, and more of them are wrong"
_CAPITALISED = re.compile(r"\b[A-Z]\w{2,}")
LEAST_SIMILARITY = 0.85
"""The least similarity of a name that may have been meant, 0 to 1; see `messages.nearest`."""
_OF_LANGUAGE = ("nothing_asked", "no_evidence", "low_confidence", "not_in_passages")
"""The reasons that a question in another language may have."""


@dataclass(frozen=True, slots=True)
class Abstention:
    """Why there is no answer: a key of `_ADVICE`, the names that no document has, and a language other than English.

    `similar` are names of the passages that are written in almost the same way. `filtered` tells that no passage was
    found and that `retrieve.filter` is set. `nearly` tells that the confidence was too low and would be enough with
    `prompt.min_confidence: eager`.
    """

    reason: str
    names: tuple[str, ...] = ()
    language: str = ""
    similar: tuple[str, ...] = ()
    filtered: bool = False
    nearly: bool = False

    @property
    def advice(self) -> str:
        """What the user can do."""
        what = _ADVICE.get(self.reason, "") + (f"; {_EAGER}" if self.nearly else "")
        if self.filtered:
            return (
                "no passage that retrieve.filter admits was found: change or unset the filter, or ask with other words"
            )
        if self.names:
            meant = f" (did you mean {' or '.join(self.similar)}?)" if self.similar else ""
            return f"no document names {', '.join(self.names)}{meant}: {what}"
        if self.language and self.reason in _OF_LANGUAGE:
            return f"the question looks {self.language}, and questions are understood in English: {what}"
        return what


def before_writing(evidence: Evidence, hits: Sequence[Hit], min_score: float, least: float) -> Abstention | None:
    """Return why a question cannot be answered, as far as this is known before anything is written.

    :param min_score: `retrieve.min_score`. :param least: the least confidence; 0 answers from any passages.
    """
    if not evidence.question.terms:
        return Abstention("nothing_asked")
    if evidence.unknown and least:
        return Abstention("unknown_name", evidence.unknown, similar=_similar_names(evidence))
    if not evidence.ranked or _is_far(evidence, hits, min_score):
        return Abstention("no_evidence")
    return None


def _similar_names(evidence: Evidence) -> tuple[str, ...]:
    """Return for each unknown name the most similar name of the passages, if one is similar."""
    texts = [each.candidate.text for each in evidence.ranked]
    there = {name for text in texts for name in (*proper_names(text), *_CAPITALISED.findall(text))}
    found = (nearest(name, sorted(there), cutoff=LEAST_SIMILARITY) for name in evidence.unknown)
    return tuple(dict.fromkeys(name for name in found if name))


def _is_far(evidence: Evidence, hits: Sequence[Hit], min_score: float) -> bool:
    """Tell whether the best cosine is below `min_score` and no excerpt shares a term with the question."""
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    return bool(cosines) and max(cosines) < min_score and not any(each.features[1] for each in evidence.ranked)


def refused(text: str) -> bool:
    """Tell whether the generator itself wrote that the passages do not contain the answer."""
    answer = text.strip().lower().replace("’", "'")
    return not answer or answer.startswith(REFUSALS)
