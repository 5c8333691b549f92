"""A conversation as a file for people and programs, with the citations of each answer."""

from __future__ import annotations

import re
from typing import Any

from ragqa.serve.kept import KeptConversation, KeptTurn

_KEYS = ("text", "abstained", "reason", "advice", "kind", "confidence", "unanswered")
_CITED = ("source", "place", "page", "start", "end", "text", "document_id")
_MARKS = re.compile(r"[\\`*_\[\]<>&|~$@]|^[#+=-]|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
"""What means something to a reader of Markdown, of HTML or of formulas; also what makes an address a link."""
_NUMBERED = re.compile(r"^(\d+)([.)])")
"""The beginning of an item of a numbered list."""


def plain(found: KeptConversation, generation: int) -> dict[str, Any]:
    """Return a conversation as plain data.

    :param generation: the number of the present commit of the index.
    """
    turns = [_turn(turn) | {"stale": turn.generation != generation} for turn in found.turns]
    return {"title": found.title, "created": found.created, "turns": turns}


def markdown(found: KeptConversation, generation: int) -> str:
    """Return a conversation as Markdown. Whatever a person or a document wrote is text in it: no link, picture or HTML.

    :param generation: as for `plain`.
    """
    parts = [f"# {_text(found.title)}"]
    for turn in found.turns:
        answer = _turn(turn)
        parts.append(f"## {_text(turn.question)}")
        if turn.generation != generation:
            parts.append("*The documents have changed since this answer.*")
        if answer["abstained"]:
            parts.append(f"No answer: {_text(answer['reason'])}. {_text(answer['advice'])}".strip())
        cited: list[dict[str, Any]] = []
        for sentence in answer["sentences"]:
            numbers = [_number(each, cited) for each in sentence["citations"]]
            parts.append(" ".join([_text(sentence["text"]), *(f"[{number}]" for number in numbers)]))
        parts += [_cited(number, each) for number, each in enumerate(cited, 1)]
    return "\n\n".join(parts) + "\n"


def _turn(turn: KeptTurn) -> dict[str, Any]:
    answer = turn.answer
    sentences = [
        {"text": each["text"], "citations": [_place(cited) for cited in each["citations"]]}
        for each in answer["sentences"]
    ]
    cited = [_place(each) for each in answer["citations"]]
    kept = {key: answer[key] for key in _KEYS}
    return {
        "question": turn.question,
        **kept,
        "sentences": sentences,
        "citations": cited,
        "generation": turn.generation,
    }


def _place(citation: dict[str, Any]) -> dict[str, Any]:
    return {key: citation[key] for key in _CITED}


def _number(citation: dict[str, Any], cited: list[dict[str, Any]]) -> int:
    """Return the number of a citation, which is added to the list where it is not yet there."""
    if citation not in cited:
        cited.append(citation)
    return cited.index(citation) + 1


def _cited(number: int, citation: dict[str, Any]) -> str:
    """Return a citation as a line with its place, and its words as a quotation."""
    place = f", {_text(citation['place'])}" if citation["place"] else ""
    span = f"characters {citation['start']} to {citation['end']}"
    return f"[{number}] {_text(citation['source'])}{place}, {span}:\n\n> {_text(citation['text'])}"


def _text(text: str) -> str:
    """Return a text on one line, in which no character is a mark."""
    return _NUMBERED.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", " ".join(text.split())))
