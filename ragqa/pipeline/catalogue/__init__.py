"""A question about the documents themselves -> an answer by code: from the catalogue, or extracted from all they say.

    asked       a question -> what it asks about the documents; None for every other question
    listing     an index -> its documents; a loose name -> the document or folder that it means
    mentions    a phrase -> all documents that mention it
    sections    a document -> its sections and their sentences
    centre      sentences, documents -> the most central ones, and groups
    summaries   a document -> its summary, kept in the cache by content
    folders     documents -> groups with a sentence of each
    replies     all of these -> an answer

No generator is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragqa.errors import NothingUsableError, UsageError
from ragqa.messages import nearest
from ragqa.pipeline.answer.draft import AskedQuestion, Clock
from ragqa.pipeline.catalogue.asked import recognise
from ragqa.pipeline.catalogue.listing import Catalogue, find
from ragqa.pipeline.catalogue.replies import Replies, Reply
from ragqa.pipeline.catalogue.summaries import Summarizer
from ragqa.records import Answer, AnswerSentence

if TYPE_CHECKING:
    from ragqa.pipeline.answer.citing import Citing
    from ragqa.pipeline.assemble.components import Components
    from ragqa.stages import IndexReader


def answer(
    question: AskedQuestion, components: Components, reader: IndexReader, citing: Citing
) -> Iterator[AnswerSentence | Answer] | None:
    """Return the events of the answer to a question about the documents themselves; None for every other question.

    A question that names no document that is there is another one, and so is one with passages to answer from.
    """
    asked = recognise(question.text) if question.passages is None else None
    if asked is None:
        return None
    clock = Clock()
    with components.lock.held():
        reply = _replies(components, reader, citing).to(asked)
    clock.lap("catalogue")
    return None if reply is None else _events(reply, question.text, clock, reader)


def summarize(source: str | None, components: Components, reader: IndexReader, citing: Citing) -> Answer:
    """Return the summary of a document or folder, by its name; of all documents where it is None.

    :raises UsageError: no document or folder has this name.
    :raises NothingUsableError: there is no text to summarise.
    """
    clock = Clock()
    with components.lock.held():
        replies = _replies(components, reader, citing)
        if source is None:
            reply = replies.about_folder(replies.catalogue)
        elif named := find(source, replies.catalogue, reader):
            reply = replies.about(named)
        else:
            raise UsageError(_not_found(source, replies.catalogue))
    clock.lap("catalogue")
    if reply is None:
        raise NothingUsableError(f"{source or 'the index'}: there is no text to summarise")
    *_, last = _events(reply, f"Summarise {source or 'all documents'}", clock, reader)
    assert isinstance(last, Answer)
    return last


def _replies(components: Components, reader: IndexReader, citing: Citing) -> Replies:
    catalogue = Catalogue.read(reader, components.config.retrieve.filter)
    summarizer = Summarizer(reader, components.embedder, components.identity, lambda: components.canaries)
    return Replies(reader, citing, catalogue, summarizer)


def _events(reply: Reply, question: str, clock: Clock, reader: IndexReader) -> Iterator[AnswerSentence | Answer]:
    yield from reply.sentences
    text = "\n".join(sentence.text for sentence in reply.sentences)
    cited = tuple(dict.fromkeys(each for sentence in reply.sentences for each in sentence.citations))
    yield Answer(
        question,
        text,
        cited,
        (),
        None,
        dict(clock.usage),
        reader.generation,
        finish="stop",
        kind=reply.kind,
        sentences=reply.sentences,
        read=reply.read,
    )


def _not_found(source: str, catalogue: Catalogue) -> str:
    names = {PurePosixPath(each).stem.lower(): each for each in [*catalogue.folders(), *catalogue.documents]}
    near = nearest(source.lower(), names)
    meant = f"did you mean {names[near]}?" if near else f"names are such as {', '.join(list(catalogue.documents)[:3])}"
    return f"no document or folder is called {source!r}; {meant}"
