"""A retriever and a query engine for LlamaIndex. Needs the extra `ragqa[llama-index]`.

engine = RagqaQueryEngine(Pipeline.from_file("pipelines/quickstart.yaml"))
response = engine.query("Who is the master of MV Tern?")
response.source_nodes[0].metadata["source"]
"""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import Response
from llama_index.core.callbacks import CallbackManager
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from ragqa.adapters.spans import of_answer, of_hit
from ragqa.pipeline import Pipeline
from ragqa.records import Answer, Hit


class RagqaRetriever(BaseRetriever):
    """Retrieves the passages of a pipeline's index as nodes, best first.

    `metadata` has `document_id`, `source`, `place`, `page`, `start`, `end`, `score`, `scores` and `fields`.
    """

    def __init__(self, pipeline: Pipeline, k: int | None = None, **others: Any) -> None:
        """Retrieve `k` passages; None for the number of the pipeline file. `others` are for `BaseRetriever`."""
        super().__init__(**others)
        self._pipeline, self._k = pipeline, k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(hit) for hit in self._pipeline.search(query_bundle.query_str, self._k)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class RagqaQueryEngine(BaseQueryEngine):
    """Answers queries. The response is empty where the documents give no answer.

    `metadata` has `citations`, `abstained`, `reason`, `confidence`, `unanswered`, `nearest` and `index_version`;
    `source_nodes` are the passages that were read.
    """

    def __init__(self, pipeline: Pipeline, callback_manager: CallbackManager | None = None) -> None:
        super().__init__(callback_manager)
        self._pipeline = pipeline

    def _query(self, query_bundle: QueryBundle) -> Response:
        return _response(self._pipeline.ask(query_bundle.query_str))

    async def _aquery(self, query_bundle: QueryBundle) -> Response:
        return _response(await self._pipeline.aask(query_bundle.query_str))

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}


def _node(hit: Hit) -> NodeWithScore:
    metadata = of_hit(hit)
    node = TextNode(
        id_=hit.chunk.id,
        text=hit.chunk.text,
        metadata=metadata,
        start_char_idx=hit.chunk.start,
        end_char_idx=hit.chunk.end,
        excluded_embed_metadata_keys=list(metadata),
        excluded_llm_metadata_keys=[key for key in metadata if key not in ("source", "place")],
    )
    return NodeWithScore(node=node, score=hit.score)


def _response(answer: Answer) -> Response:
    return Response(answer.text, [_node(hit) for hit in answer.hits], of_answer(answer))
