"""Chooses the excerpts that answer a question: a quote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ragqa import text_analysis
from ragqa.comparisons import compared
from ragqa.evidence.asked_for import MARGIN, from_the_first_that_fits
from ragqa.evidence.excerpts import END
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.question_analysis import QuestionAnalysis, QuestionKind
from ragqa.records import Hit

LENGTHS: dict[QuestionKind, int] = {"fact": 3, "yes_no": 4, "definition": 3, "why": 3, "how": 4, "list": 4}
"""The most sentences of a quote by the kind of question."""
LONGEST = 5
"""The most sentences of a quote for the other kinds: compare, summary, other."""
LISTING: tuple[QuestionKind, ...] = ("list", "how", "summary", "other")
"""The kinds of questions that a whole list answers."""
IN_WORDS: tuple[QuestionKind, ...] = ("why", "yes_no", "definition", "compare")
"""The kinds of questions that no line of code answers."""
NEXT_MARGIN = 5.0
"""How far, in log-odds, the sentence after the best one may be below it."""
MOST_ITEMS = 14
"""The most items of a list, rows of a table or lines of code that are quoted together."""
MOST_CHARACTERS = 1200
"""The most characters of a quote."""
FRAGMENT = 6
"""A line of prose with fewer words may be a fragment."""
ALIKE = 0.7
"""Two excerpts of a document that share this part of their words say the same."""
ALIKE_ELSEWHERE = 0.92
"""The same for excerpts of two documents, which may say nearly the same of two things."""
_ANSWERING = frozenset(["no", "all", "both", "most", "each", "some"])
"""Function words that may answer a question: "No dogs are allowed"."""
_SAYING_NOTHING = frozenset(map(text_analysis.term, text_analysis.STOP_WORDS - _ANSWERING))
AFTER_QUESTION = 2
"""The sentences that come with a question of the text itself, as in a list of frequently asked ones."""
BELOW = 8
"""The most characters between a line and the list below it: the end of a page, and the mark of an item."""
AFTER_COLON = 3
"""The sentences that come with a line that ends with a colon."""
REACH = 3
"""The most sentences between a statement and the reason for it."""
_REASON = re.compile(
    r"\b(?:because|due to|owing to|reasons?|causes?|caused by|so that|in order to|as a result|therefore|thus|hence|"
    r"leads? to|led to|results? (?:in|from))\b",
    re.IGNORECASE,
)
JOIN = 3
"""The most characters between two excerpts that are one passage, or one citation."""


def quote(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> list[Candidate]:
    """Return the excerpts that answer a question best, `[]` for none: by document, that of the best one first, and by place.

    A comparison gets the best excerpts of each thing that it names. A list, a table or a block of code is quoted whole
    where one of its parts is the best excerpt. A sentence that points to the one before it comes with it, and so does
    the sentence after the best one, or for "why" the sentences up to the reason, where one is given.
    """
    if not ranked:
        return []
    places = {(each.candidate.hit.chunk.document_id, each.candidate.start): each.candidate for each in ranked}
    every, ranked = ranked, _about_the_names(question, _quotable(question, ranked))
    if not ranked:
        return []
    most = LENGTHS.get(question.kind, LONGEST)
    best = _of_each_name(question, ranked) if question.kind == "compare" else []
    best += [each for each in ranked if each.score >= ranked[0].score - MARGIN]
    chosen: dict[int, Candidate] = {}
    count = 0
    for each in best:
        if count == most or _is_repeated(each.candidate, chosen.values()):
            continue
        group = _with_its_block(each.candidate, question.kind, places)
        new = [one for one in group if id(one) not in chosen]
        if chosen and sum(map(_size, chosen.values())) + sum(map(_size, new)) > MOST_CHARACTERS:
            continue
        chosen |= {id(one): one for one in new}
        count += 1
    after = _after_the_best(question, ranked, every, places) if id(ranked[0].candidate) in chosen else []
    for following in after:
        if sum(map(_size, chosen.values())) + _size(following) > MOST_CHARACTERS:
            break
        if not _is_repeated(following, chosen.values()):
            chosen[id(following)] = following
    return in_order(chosen.values())


def _quotable(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> Sequence[RankedExcerpt]:
    """Leave out what is no answer by itself: what repeats the question, lacks the year or number that is asked for, is a
    header or a fragment; rows where the best excerpt is a sentence and the question asks for sentences; and code where
    it asks for words.
    """
    left = from_the_first_that_fits(question, _say_more(question, ranked))
    left = [each for each in left if each.candidate.kind != "header"] or left
    left = [each for each in left if not _is_fragment(each.candidate)] or left
    if question.kind in IN_WORDS:
        left = [each for each in left if each.candidate.kind != "code"] or left
    if not left or question.kind in ("fact", "list", "compare", "other") or left[0].candidate.kind == "row":
        return left
    return [each for each in left if each.candidate.kind != "row"]


def _say_more(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> Sequence[RankedExcerpt]:
    """Leave out sentences without a word that the question has not, where a fact is asked for and others are there."""
    if question.kind != "fact":
        return ranked
    known = _SAYING_NOTHING.union(text_analysis.terms(question.own))
    return [
        each
        for each in ranked
        if each.candidate.kind != "sentence" or not known.issuperset(text_analysis.terms(each.candidate.text))
    ] or ranked


def _is_fragment(candidate: Candidate) -> bool:
    """Tell whether an excerpt is a few words of prose without an end, a colon or a digit, as on a title page."""
    text = candidate.text
    short = candidate.kind == "sentence" and len(text_analysis.words(text)) < FRAGMENT
    return short and not END.search(text) and not re.search(r"[\d:]", text)


def _about_the_names(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> Sequence[RankedExcerpt]:
    """Leave out the documents whose passages do not have the names of the question, nor their titles, if any have them.

    A comparison is about several names, so that nothing is left out.
    """
    wanted = {term for name in question.names for term in text_analysis.terms(name)}
    if question.kind == "compare" or not wanted:
        return ranked
    texts: dict[str, set[str]] = {}
    for each in ranked:
        chunk = each.candidate.hit.chunk
        said = (each.candidate.hit.source, chunk.context, chunk.text, each.candidate.heading, each.candidate.text)
        texts.setdefault(chunk.document_id, set()).update(said)
    named = {id_ for id_, said in texts.items() if wanted <= set(text_analysis.terms(" ".join(said)))}
    return [each for each in ranked if each.candidate.hit.chunk.document_id in named] or ranked


def _of_each_name(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> list[RankedExcerpt]:
    """Return the best excerpt for each thing that a question compares, or for each of its names, by words of its own.

    One that has the words of another name too, such as the announcement of a comparison, is taken only where none has
    this name alone.
    """
    things = compared(question.own) or question.names
    names = [set(map(text_analysis.term, text_analysis.content_words(thing))) for thing in things]
    own = [
        name - set().union(*(other for place, other in enumerate(names) if place != number))
        for number, name in enumerate(names)
    ]
    found = []
    for number, words in enumerate(own):
        others = [other for place, other in enumerate(own) if other and place != number]
        about = [each for each in ranked if words and words <= _terms(each.candidate)]
        alone = [each for each in about if not any(other <= _terms(each.candidate) for other in others)]
        found += (alone or about)[:1]
    return found


def _terms(candidate: Candidate) -> set[str]:
    return set(text_analysis.terms(f"{candidate.heading} {candidate.text}"))


def _is_repeated(candidate: Candidate, chosen: Iterable[Candidate]) -> bool:
    words, document = set(text_analysis.words(candidate.text)), candidate.hit.chunk.document_id
    for each in chosen:
        other = set(text_analysis.words(each.text))
        share = ALIKE if each.hit.chunk.document_id == document else ALIKE_ELSEWHERE
        if len(words & other) >= share * max(1, min(len(words), len(other))):
            return True
    return False


def _with_its_block(
    candidate: Candidate, kind: QuestionKind, places: dict[tuple[str, int], Candidate]
) -> list[Candidate]:
    """Return an excerpt with those that it needs to be understood, in their order."""
    document = candidate.hit.chunk.document_id
    near = sorted((each for (id_, _), each in places.items() if id_ == document), key=lambda each: each.start)
    if kind in LISTING and (announced := _announced_list(candidate, near)):
        return announced
    if candidate.kind == "sentence" and candidate.text.rstrip().endswith("?"):  # what answers it stands below it
        return [candidate, *[each for each in near if each.start >= candidate.end][:AFTER_QUESTION]]
    block = [each for each in near if each.block == candidate.block]
    at = next(number for number, each in enumerate(block) if each.start == candidate.start)
    begin = _introduction(block, at)
    block, at = block[begin:], at - begin
    if candidate.kind == "row":
        return _of_table(candidate, kind, block, places)
    if candidate.kind == "code" or (candidate.kind == "item" and kind in LISTING):
        return _around(block, at)
    if candidate.text.rstrip().endswith(":"):
        return _around(block, at) if block[at + 1 :] else [candidate, *_after_a_colon(candidate, near)]
    if candidate.kind == "item":
        return [block[0], candidate] if at and block[0].kind in ("header", "sentence") else [candidate]
    return block[:2] if at and _points_back(candidate) else [candidate]


def _after_a_colon(candidate: Candidate, near: Sequence[Candidate]) -> list[Candidate]:
    """Return what follows a line that ends with a colon, in a block of its own: a whole list, or a few sentences."""
    following = next((each for each in near if each.start >= candidate.end), None)
    if following is None or following.start - candidate.end > BELOW:
        return []
    block = [each for each in near if each.block == following.block]
    return _around(block, 0) if following.kind != "sentence" else block[:AFTER_COLON]


def _of_table(
    row: Candidate, kind: QuestionKind, block: Sequence[Candidate], places: dict[tuple[str, int], Candidate]
) -> list[Candidate]:
    """Return a row with the header of its table; for a question that asks for a list, with all rows of a short table."""
    rows = [each for each in block if each.kind == "row"]
    if kind != "list" or len(rows) > MOST_ITEMS:
        rows = [row]
    if row.header is not None:
        introduction = [_header_of(row, places)]
    else:
        introduction = [each for each in block[:1] if each.kind in ("header", "sentence")]
    return _around([*introduction, *rows], len(introduction) + rows.index(row))


def _header_of(row: Candidate, places: dict[tuple[str, int], Candidate]) -> Candidate:
    """Return the header of the table in which a row stands, one for all rows of the table."""
    start = row.header or 0
    excerpt = replace(row.excerpt, start=start, end=start + len(row.before), kind="header")
    header = replace(
        row, start=start, end=start + len(row.before), text=row.before, excerpt=excerpt, before="", header=None
    )
    return places.setdefault((row.hit.chunk.document_id, start), header)


def _after_the_best(
    question: QuestionAnalysis,
    ranked: Sequence[RankedExcerpt],
    every: Sequence[RankedExcerpt],
    places: dict[tuple[str, int], Candidate],
) -> list[Candidate]:
    """Return what is quoted after the best excerpt: the next sentence, or for "why" the sentences up to a reason.

    :param ranked: the excerpts that can be quoted alone, best first. :param every: all excerpts.
    """
    if question.kind == "why":
        gives = any(_REASON.search(each.candidate.text) for each in ranked if each.score >= ranked[0].score - MARGIN)
        if gives:
            return []
        if reason := _reason_after(ranked[0].candidate, places):
            return reason
    following = _next_sentence(ranked[0], every)
    return _with_its_block(following, question.kind, places) if following else []


def _next_sentence(best: RankedExcerpt, every: Sequence[RankedExcerpt]) -> Candidate | None:
    """Return the sentence after the best excerpt, which often says what that announces; None where it is far less likely."""
    for each in every:
        gap = each.candidate.start - best.candidate.end
        if each.candidate.hit.chunk.document_id == best.candidate.hit.chunk.document_id and 0 <= gap <= JOIN:
            both_prose = each.candidate.kind == best.candidate.kind == "sentence"
            return each.candidate if both_prose and each.score >= best.score - NEXT_MARGIN else None
    return None


def _reason_after(candidate: Candidate, places: dict[tuple[str, int], Candidate]) -> list[Candidate]:
    """Return the sentences after one up to the reason for what it says, if one of the next `REACH` gives it."""
    document, block = candidate.hit.chunk.document_id, candidate.block
    later = [each for (id_, at), each in sorted(places.items()) if id_ == document and at > candidate.start]
    following = [each for each in later if each.block == block][:REACH]
    last = next((number for number, each in enumerate(following) if _REASON.search(each.text)), -1)
    return following[: last + 1]


def _points_back(candidate: Candidate) -> bool:
    """Tell whether an excerpt begins with a word that points to what stands before it."""
    return next(iter(text_analysis.words(candidate.text)), "") in text_analysis.POINTING_WORDS


def _announced_list(candidate: Candidate, near: Sequence[Candidate]) -> list[Candidate]:
    """Return a sentence with the list that the next one introduces by pointing back to it; `[]` where none does.

    "Some things are not covered. These include:" is such a pair.
    """
    following = [each for each in near if 0 <= each.start - candidate.end <= JOIN]
    if candidate.kind != "sentence" or not following or not following[0].text.rstrip().endswith(":"):
        return []
    introduction = following[0]
    if not _points_back(introduction):
        return []
    block = [each for each in near if each.block == introduction.block and each.start >= introduction.start]
    return [candidate, *_around(block, 0)]


def _introduction(block: Sequence[Candidate], at: int) -> int:
    """Return the place of the sentence or header before a sentence, or before the list or table of a part of one."""
    begin = at
    while begin and block[at].kind != "sentence" and block[begin - 1].kind == block[at].kind:
        begin -= 1
    introduces = block[at].text.rstrip().endswith(":")
    return begin - (begin > 0 and not introduces and block[begin - 1].kind in ("sentence", "header"))


def _around(block: Sequence[Candidate], at: int) -> list[Candidate]:
    """Return the introduction of a list and its items, from the first or from as few as needed before `at`."""
    begin = max(0, at - MOST_ITEMS + 1)
    chosen: list[Candidate] = []
    for each in block[begin : begin + MOST_ITEMS + 1]:
        if chosen and sum(map(_size, chosen)) + _size(each) > MOST_CHARACTERS:
            break
        chosen.append(each)
    return chosen if any(each.start == block[at].start for each in chosen) else [block[at]]


def _size(candidate: Candidate) -> int:
    return candidate.end - candidate.start


def in_order(chosen: Iterable[Candidate]) -> list[Candidate]:
    """Return excerpts by document, that of the first one first, and by their place in it."""
    chosen = list(chosen)
    documents = list(dict.fromkeys(each.hit.chunk.document_id for each in chosen))
    return sorted(chosen, key=lambda each: (documents.index(each.hit.chunk.document_id), each.start))


def spans(chosen: Sequence[Candidate]) -> list[tuple[Hit, int, int]]:
    """Return the hit, start and end of each run of excerpts that follow one another on a page, in their order."""
    found: list[tuple[Hit, int, int]] = []
    page: int | None = None
    for each in chosen:
        if (
            found
            and found[-1][0].chunk.document_id == each.hit.chunk.document_id
            and page == each.page
            and 0 <= each.start - found[-1][2] <= JOIN
        ):
            found[-1] = (found[-1][0], found[-1][1], each.end)
        else:
            found.append((each.hit, each.start, each.end))
        page = each.page
    return found
