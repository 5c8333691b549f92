from __future__ import annotations

import asyncio

import pytest

from ragqa.pipeline import Pipeline

pytest.importorskip("llama_index.core", reason="the extra ragqa[llama-index] is not installed; see make test-clients")

from ragqa.adapters.llama_index import RagqaQueryEngine, RagqaRetriever

QUESTION = "Who is the master of the kite?"


def test_retrieved_nodes_are_the_hits_of_a_search_and_say_where_they_stand(pipeline: Pipeline) -> None:
    retriever, hits = RagqaRetriever(pipeline, 3), pipeline.search(QUESTION, 3)
    for nodes in (retriever.retrieve(QUESTION), asyncio.run(retriever.aretrieve(QUESTION))):
        assert [node.text for node in nodes] == [hit.chunk.text for hit in hits]
        assert [node.score for node in nodes] == [hit.score for hit in hits]
        assert (nodes[0].metadata["source"], nodes[0].metadata["end"]) == ("kite.txt", hits[0].chunk.end)
        assert "path" not in nodes[0].metadata


def test_an_engine_answers_with_its_citations(pipeline: Pipeline) -> None:
    engine, expected = RagqaQueryEngine(pipeline), pipeline.ask(QUESTION)
    for response in (engine.query(QUESTION), asyncio.run(engine.aquery(QUESTION))):
        assert str(response) == expected.text == "The kite has a master called Kiteson."
        (cited,) = response.metadata["citations"]
        assert (cited["source"], cited["text"]) == ("kite.txt", expected.citations[0].text)
        assert [node.node_id for node in response.source_nodes] == [hit.chunk.id for hit in expected.hits]


def test_an_engine_is_a_tool_of_llama_index(pipeline: Pipeline) -> None:
    from llama_index.core.tools import QueryEngineTool

    tool = QueryEngineTool.from_defaults(RagqaQueryEngine(pipeline), name="documents", description="The documents.")
    assert tool.call(input=QUESTION).content == "The kite has a master called Kiteson."
