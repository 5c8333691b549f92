from __future__ import annotations

import asyncio

import pytest
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError

from ragqa.adapters.langchain import RagqaRetriever, RagqaRunnable
from ragqa.errors import UsageError
from ragqa.pipeline import Pipeline

QUESTION = "Who is the master of the kite?"


def test_retrieved_documents_are_the_hits_of_a_search_and_say_where_they_stand(pipeline: Pipeline) -> None:
    documents = RagqaRetriever(pipeline=pipeline, k=3).invoke(QUESTION)
    hits = pipeline.search(QUESTION, 3)
    assert [document.page_content for document in documents] == [hit.chunk.text for hit in hits]
    best, hit = documents[0].metadata, hits[0]
    assert (best["source"], best["start"], best["end"]) == ("kite.txt", hit.chunk.start, hit.chunk.end)
    assert (best["document_id"], best["score"]) == (hit.chunk.document_id, hit.score)
    assert "path" not in best


def test_the_number_of_passages_comes_from_the_call_the_retriever_or_the_file(pipeline: Pipeline) -> None:
    counts = [
        len(RagqaRetriever(pipeline=pipeline).invoke(QUESTION)),
        len(RagqaRetriever(pipeline=pipeline, k=1).invoke(QUESTION)),
        len(RagqaRetriever(pipeline=pipeline, k=1).invoke(QUESTION, None, k=4)),
        len(asyncio.run(RagqaRetriever(pipeline=pipeline, k=1).ainvoke(QUESTION, None, k=3))),
    ]
    assert counts == [pipeline.config.retrieve.top_k, 1, 4, 3]
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        RagqaRetriever(pipeline=pipeline, k=0)


def test_a_runnable_answers_with_its_citations_alone_in_a_chain_and_awaited(pipeline: Pipeline) -> None:
    answers, expected = RagqaRunnable(pipeline=pipeline), pipeline.ask(QUESTION)
    chain = answers | RunnableLambda(lambda message: (message.content, message.additional_kwargs["ragqa"]))
    for text, known in (chain.invoke(QUESTION), asyncio.run(chain.ainvoke(QUESTION)), *chain.batch([QUESTION])):
        assert text == expected.text == "The kite has a master called Kiteson."
        (cited,) = known["citations"]
        assert (cited["source"], cited["text"]) == ("kite.txt", expected.citations[0].text)
        assert "path" not in cited
        assert known["abstained"] is False


def test_an_empty_question_is_an_error(pipeline: Pipeline) -> None:
    with pytest.raises(UsageError, match="the question is empty"):
        RagqaRunnable(pipeline=pipeline).invoke(" ")
    with pytest.raises(UsageError, match="the question is empty"):
        RagqaRetriever(pipeline=pipeline).invoke(" ")
